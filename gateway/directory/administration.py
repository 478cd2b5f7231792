"""What operators may do with the directory. Each method is one unit of work, committed before it returns."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar
from uuid import uuid4

from msgspec.structs import replace

from chassis.caller import Call, Caller
from chassis.clock import later
from chassis.errors import Conflict, InvalidState, NotFound, invalid_field
from chassis.page import Page, PageRequest
from chassis.rpc.context import OPERATOR_ACTOR, current_call
from chassis.unit import Change, Units, View
from gateway.directory import api_key, association, org, session, user
from gateway.directory.api_key import API_KEYS, KEY_USES, ApiKey
from gateway.directory.association import ASSOCIATIONS, Association
from gateway.directory.context import DirectoryContext
from gateway.directory.org import ORGS, Org
from gateway.directory.session import SESSIONS, Session
from gateway.directory.user import USERS, User
from gateway.settings import GatewaySettings

T = TypeVar("T")

BITE_MAX = 200
"""Records that one change touches at most."""

KEY_SECONDS_MAX = 10 * 366 * 86400


class Administration:
    """Creates, changes and lists the records of the directory. `NotFound` where a named record does not exist."""

    def __init__(self, units: Units, directory_context: DirectoryContext, settings: GatewaySettings) -> None:
        self._units = units
        self._context = directory_context
        self._settings = settings

    async def create_org(self, orgcode: str, name: str) -> Org:
        """Create an org. Raises `Conflict` if the code was ever used, even by a closed org."""

        async def write(change: Change) -> Org:
            if await change.get(ORGS, orgcode) is not None:
                raise Conflict("the orgcode is taken")
            return await change.insert(ORGS, Org(orgcode=orgcode, name=name))

        return await self._change("gateway_org_create", orgcode, write)

    async def list_orgs(self, page: PageRequest) -> Page[Org]:
        """One page of the orgs, ordered by code."""

        async def look(view: View) -> Page[Org]:
            return await view.page(ORGS, {}, page=page, order=("orgcode",))

        return await self._units.view(_call("gateway_org_list", None), look)

    async def close_org(self, orgcode: str) -> Org:
        """Close an org for good. The closed org."""

        async def write(change: Change) -> Org:
            return await change.update(ORGS, org.close(await change.load(ORGS, orgcode)))

        return await self._change("gateway_org_close", orgcode, write)

    async def create_user(self, name: str, email: str | None) -> User:
        """Create a user."""

        async def write(change: Change) -> User:
            return await change.insert(USERS, User(user_id=change.new_id(), name=name, email=email))

        return await self._change("gateway_user_create", None, write)

    async def list_users(self, page: PageRequest) -> Page[User]:
        """One page of the users, newest first."""

        async def look(view: View) -> Page[User]:
            return await view.page(USERS, {}, page=page)

        return await self._units.view(_call("gateway_user_list", None), look)

    async def close_user(self, user_id: str) -> User:
        """Close a user for good, at once; then revoke their sessions and end their memberships."""

        async def write(change: Change) -> User:
            found = await change.load(USERS, user_id)
            after = user.closed(found)
            return after if after is found else await change.update(USERS, after)

        gone = await self._change("gateway_user_close", None, write)
        await self.revoke_sessions(user_id)
        while orgcodes := await self._orgs_of(user_id):
            for orgcode in orgcodes:
                await self.remove_association(orgcode, user_id)
        return gone

    async def _orgs_of(self, user_id: str) -> list[str]:
        """Some of the orgs that a user belongs to."""

        async def look(view: View) -> list[str]:
            found = await view.every_org().find(ASSOCIATIONS, {"user_id": user_id}, limit=BITE_MAX)
            return [each.orgcode for each in found]

        return await self._units.view(_call("gateway_user_orgs", None), look)

    async def set_association(self, orgcode: str, user_id: str, *, owner: bool, roles: Sequence[str]) -> Association:
        """Set the membership of a user in an org, replacing an earlier one."""
        granted = association.declared(roles, await self._context.roles(list(roles)))

        async def write(change: Change) -> Association:
            change.prefetch(USERS, [user_id])
            change.prefetch(ASSOCIATIONS, [(user_id,)], by="user_id")
            place = _active(await change.load(ORGS, orgcode))
            await change.load(USERS, user_id)
            if (after := org.owned_by(place, user_id, owner=owner)) != place:
                await change.update(ORGS, after)
            before = await change.lookup(ASSOCIATIONS, "user_id", user_id)
            if before is not None:
                return await change.update(ASSOCIATIONS, replace(before, owner=owner, roles=granted))
            new = Association(association_id=change.new_id(), user_id=user_id, owner=owner, roles=granted)
            return await change.insert(ASSOCIATIONS, new)

        return await self._change("gateway_association_set", orgcode, write)

    async def remove_association(self, orgcode: str, user_id: str) -> Association:
        """End the membership of a user in an org. Returns the membership as it was."""

        async def write(change: Change) -> Association:
            before = await change.lookup(ASSOCIATIONS, "user_id", user_id)
            if before is None:
                raise NotFound("the user is not associated with the organisation")
            place = await change.load(ORGS, orgcode)
            if (after := org.owned_by(place, user_id, owner=False)) != place:
                await change.update(ORGS, after)
            await change.delete(ASSOCIATIONS, before)
            return before

        return await self._change("gateway_association_remove", orgcode, write)

    async def open_session(self, user_id: str, seconds: int | None) -> tuple[str, Session]:
        """Open a session. Returns it with its guid, of which only a hash is stored."""
        settings = self._settings
        length = seconds if seconds is not None else settings.session_seconds
        if not 60 <= length <= settings.session_seconds_max:
            raise invalid_field("ttl_seconds", f"must be from 60 to {settings.session_seconds_max}")
        guid = str(uuid4())

        async def write(change: Change) -> Session:
            owner = await change.load(USERS, user_id)
            if owner.state != "active":
                raise InvalidState("the user is closed", state=owner.state)
            new = session.opened(
                change.new_id(), guid, user_id, change.now, length, settings.session_seconds_max, current_call().peer
            )
            return await change.insert(SESSIONS, new)

        return guid, await self._change("gateway_session_open", None, write)

    async def revoke_session(self, guid: str, session_id: str) -> Session:
        """Revoke a session, named by its id or its guid; one that has ended before stays as it is."""

        async def write(change: Change) -> Session:
            if session_id:
                found = await change.get(SESSIONS, session_id)
            else:
                found = await change.lookup(SESSIONS, "secret_hash", session.hash_of(guid))
            if found is None:
                raise NotFound("there is no such session")
            after = session.revoked(found, change.now)
            return after if after is found else await change.update(SESSIONS, after)

        return await self._change("gateway_session_revoke", None, write)

    async def revoke_sessions(self, user_id: str) -> int:
        """Revoke every session of a user, some at a time. Returns how many were open."""
        revoked, token = 0, None
        while True:
            page = await self.list_sessions(user_id, PageRequest(limit=BITE_MAX, next_token=token))
            ids = [each.session_id for each in page.items if each.revoked_utc is None]

            async def write(change: Change, ids: Sequence[str] = ids) -> int:
                change.prefetch(SESSIONS, ids)
                count = 0
                for found in [await change.load(SESSIONS, each) for each in ids]:
                    if (after := session.revoked(found, change.now)) is not found:
                        count += session.is_open(found, change.now)
                        await change.update(SESSIONS, after)
                return count

            if ids:
                revoked += await self._change("gateway_session_revoke", None, write)
            token = page.next_token
            if token is None:
                return revoked

    async def list_sessions(self, user_id: str, page: PageRequest) -> Page[Session]:
        """One page of a user's sessions, newest first."""

        async def look(view: View) -> Page[Session]:
            return await view.page(SESSIONS, {"user_id": user_id}, page=page)

        return await self._units.view(_call("gateway_session_list", None), look)

    async def create_key(
        self, orgcode: str, name: str, roles: Sequence[str], seconds: int | None
    ) -> tuple[str, ApiKey]:
        """Create an API key of an org. Returns it with its text, of which only a hash is stored."""
        granted = association.declared(roles, await self._context.roles(list(roles)))
        if seconds is not None and not 1 <= seconds <= KEY_SECONDS_MAX:
            raise invalid_field("ttl_seconds", f"must be from 1 to {KEY_SECONDS_MAX}")
        made: list[str] = []

        async def write(change: Change) -> ApiKey:
            _active(await change.load(ORGS, orgcode))
            key_id = change.new_id()
            made[:] = [api_key.made(key_id)]
            new = ApiKey(
                key_id=key_id,
                secret_hash=session.hash_of(made[0]),
                name=name,
                roles=granted,
                expires_utc=None if seconds is None else later(change.now, seconds),
            )
            return await change.insert(API_KEYS, new)

        key = await self._change("gateway_key_create", orgcode, write)
        return made[0], key

    async def revoke_key(self, key_id: str) -> ApiKey:
        """Revoke an API key; one that was revoked before stays as it is."""

        async def write(change: Change) -> ApiKey:
            everywhere = change.every_org()
            found = await everywhere.load(API_KEYS, key_id)
            after = api_key.revoked(found, change.now)
            return after if after is found else await everywhere.update(API_KEYS, after)

        return await self._change("gateway_key_revoke", None, write)

    async def list_keys(self, orgcode: str, page: PageRequest) -> tuple[Page[ApiKey], dict[str, str]]:
        """One page of an org's keys, newest first, each with the time of its last use."""

        async def look(view: View) -> tuple[Page[ApiKey], dict[str, str]]:
            await view.load(ORGS, orgcode)
            found = await view.page(API_KEYS, {}, page=page)
            uses = await view.get_many(KEY_USES, [key.key_id for key in found.items])
            return found, {key_id: use.last_used_utc for key_id, use in uses.items()}

        return await self._units.view(_call("gateway_key_list", orgcode), look)

    async def _change(self, name: str, orgcode: str | None, write: Callable[[Change], Awaitable[T]]) -> T:
        done = await self._units.change(_call(name, orgcode), write)
        self._context.changed()
        return done


def _active(place: Org) -> Org:
    if place.state != "active":
        raise InvalidState("the organisation is closed", state=place.state)
    return place


def _call(name: str, orgcode: str | None) -> Call:
    """The operator's call, in the org that is changed."""
    operator = Caller(kind="service", actor=OPERATOR_ACTOR, orgcode=orgcode)
    return replace(current_call(), name=name, caller=operator)
