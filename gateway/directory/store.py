"""Lookups in the directory: the identity behind a credential, and its membership in an org."""

from chassis.unit import View
from gateway.caller.credential import Credential
from gateway.caller.resolve import UNKNOWN, Identity, Membership, Resolution
from gateway.directory.api_key import API_KEYS, KEY_USES, ApiKey, id_in, opens
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
    org = await view.get(ORGS, orgcode)
    association = await view.lookup(ASSOCIATIONS, "user_id", user.user_id)
    membership = None
    if org is not None and org.state == "active" and association is not None:
        roles = meant(association.roles)
        membership = Membership(orgcode=orgcode, owner=association.owner, roles=roles)
    return Resolution(identity=identity, membership=membership), session.session_id


async def _resolve_key(view: View, credential: Credential, orgcode: str | None) -> tuple[Resolution, str | None]:
    key: ApiKey | None = await view.every_org().get(API_KEYS, id_in(credential.text))
    if key is None or not opens(key, credential.text, view.now):
        return UNKNOWN, None
    org = await view.get(ORGS, key.orgcode)
    identity = Identity(kind="key", actor=key.key_id, orgcode=key.orgcode, expires_utc=key.expires_utc)
    membership = None
    if orgcode == key.orgcode and org is not None and org.state == "active":
        membership = Membership(orgcode=key.orgcode, owner=False, roles=meant(key.roles))
    return Resolution(identity=identity, membership=membership), key.key_id


def meant(roles: list[str]) -> frozenset[str]:
    """The roles together with those their synonyms stand for."""
    return frozenset(word for role in roles for word in (role, *SYNONYMS.get(role, ())))
