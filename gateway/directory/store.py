"""Lookups in the directory: the identity behind a credential, and its membership in an org."""

from chassis.unit import View
from gateway.caller.credential import Credential
from gateway.caller.resolve import UNKNOWN, Identity, Membership, Resolution
from gateway.directory.api_key import API_KEYS, KEY_USES, ApiKey, id_in, is_open_key, opens
from gateway.directory.association import ASSOCIATIONS
from gateway.directory.org import ORGS
from gateway.directory.session import SESSIONS, Session, is_open
from gateway.directory.user import USERS

ENTITIES = (ORGS, USERS, ASSOCIATIONS, SESSIONS, API_KEYS, KEY_USES)

SYNONYMS = {"pvv": ("pmc_view",), "pma": ("pmc_view", "pmc_publish")}
"""Old role names -> the roles they stand for."""


async def resolve(view: View, credential: Credential, orgcode: str | None) -> tuple[Resolution, str | None]:
    """The identity of a credential, and the id of the session or key that was used."""
    if credential.kind == "key":
        return await _resolve_key(view, credential, orgcode)
    session = await view.lookup(SESSIONS, "secret_hash", credential.digest.hex())
    if session is None or not is_open(session, view.now):
        return UNKNOWN, None
    return await _resolve_session(view, session, orgcode)


async def _resolve_session(view: View, session: Session, orgcode: str | None) -> tuple[Resolution, str | None]:
    # Read together, so that an org that does not exist takes as long as one the caller does not belong to.
    if orgcode is not None:
        view.prefetch(ORGS, [orgcode])
        view.prefetch(ASSOCIATIONS, [(session.user_id,)], by="user_id")
    user = await view.get(USERS, session.user_id)
    if user is None or user.state != "active":
        return UNKNOWN, None
    identity = Identity(kind="user", actor=user.user_id, orgcode=None, expires_utc=session.expires_utc)
    if orgcode is None:
        return Resolution(identity=identity, membership=None), session.session_id
    found = await _of_user(view, user.user_id, orgcode)
    return Resolution(identity=identity, membership=found), session.session_id


async def _resolve_key(view: View, credential: Credential, orgcode: str | None) -> tuple[Resolution, str | None]:
    key: ApiKey | None = await view.every_org().get(API_KEYS, id_in(credential.text))
    if key is None or not opens(key, credential.text, view.now):
        return UNKNOWN, None
    identity = Identity(kind="key", actor=key.key_id, orgcode=key.orgcode, expires_utc=key.expires_utc)
    found = await _of_key(view, key, orgcode)
    return Resolution(identity=identity, membership=found), key.key_id


async def membership(view: View, kind: str, actor: str, orgcode: str) -> Membership | None:
    """What a user or key, by its id, may do in an org; None where it is ended, unknown, or a stranger there."""
    if kind == "key":
        key = await view.every_org().get(API_KEYS, actor)
        is_good = key is not None and is_open_key(key, view.now)
        return await _of_key(view, key, orgcode) if key is not None and is_good else None
    user = await view.get(USERS, actor)
    return await _of_user(view, actor, orgcode) if user is not None and user.state == "active" else None


async def _of_user(view: View, user_id: str, orgcode: str) -> Membership | None:
    org = await view.get(ORGS, orgcode)
    association = await view.lookup(ASSOCIATIONS, "user_id", user_id)
    if org is None or org.state != "active" or association is None:
        return None
    return Membership(orgcode=orgcode, owner=association.owner, roles=meant(association.roles))


async def _of_key(view: View, key: ApiKey, orgcode: str | None) -> Membership | None:
    org = await view.get(ORGS, key.orgcode)
    if orgcode != key.orgcode or org is None or org.state != "active":
        return None
    return Membership(orgcode=key.orgcode, owner=False, roles=meant(key.roles))


def meant(roles: list[str]) -> frozenset[str]:
    """The roles together with those their synonyms stand for."""
    return frozenset(word for role in roles for word in (role, *SYNONYMS.get(role, ())))
