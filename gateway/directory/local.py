"""This gateway's own directory: resolves credentials from its database, and stores when they were used."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.clock import Clock, Utc
from chassis.errors import DatabaseError
from chassis.gate import Gate
from chassis.ids import new_id
from chassis.telemetry.log import get_logger
from chassis.unit import Change, Units, View
from gateway.caller.credential import Credential
from gateway.caller.resolve import Membership, Resolution, unreachable
from gateway.directory.api_key import API_KEYS, KEY_USES, KeyUse
from gateway.directory.org import ORGS
from gateway.directory.session import SESSIONS, used
from gateway.directory.store import membership, resolve

T = TypeVar("T")

BATCH_MAX = 500
"""Records written in one change when uses are stored."""

log = get_logger("gateway.directory")


class LocalDirectory:
    """Resolves from the gateway's own database, and stores in batches when credentials were used."""

    def __init__(self, units: Units, clock: Clock, gate: Gate, used_seconds: float) -> None:
        self._units = units
        self._clock = clock
        self._gate = gate
        self._used_seconds = used_seconds
        self._sessions: dict[str, Utc] = {}
        self._keys: dict[str, tuple[str, Utc]] = {}
        self._task: asyncio.Task[None] | None = None

    async def resolve(self, credential: Credential, orgcode: str | None) -> Resolution:
        """The identity of the credential, and its membership in the org."""

        async def look(view: View) -> tuple[Resolution, str | None]:
            return await resolve(view, credential, orgcode)

        try:
            resolution, record_id = await self._units.view(self._call("gateway_resolve", orgcode), look)
        except DatabaseError as failure:
            log.warning("the directory's database can't be asked", problem=type(failure).__name__)
            raise unreachable() from failure
        identity = resolution.identity
        if identity is not None and record_id is not None:
            now = self._clock.now()
            if identity.orgcode is not None:
                self._keys[record_id] = (identity.orgcode, now)
            else:
                self._sessions[record_id] = now
        return resolution

    async def membership(self, kind: str, actor: str, orgcode: str) -> Membership | None:
        """What a user or key may do in the org now."""

        async def look(view: View) -> Membership | None:
            return await membership(view, kind, actor, orgcode)

        return await self._units.view(self._call("gateway_membership", orgcode), look)

    async def has_org(self, orgcode: str) -> bool:
        """Whether the org exists, closed or not."""

        async def look(view: View) -> bool:
            return await view.get(ORGS, orgcode) is not None

        return await self._units.view(self._call("gateway_org_find", None), look)

    async def start(self) -> None:
        """Start storing uses at intervals."""
        self._task = asyncio.create_task(self._keep_on())

    async def stop(self) -> None:
        """Store the uses noted so far and stop."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
        await self.keep()

    async def keep(self) -> None:
        """Store the uses since the last time. A failed write is dropped: sessions then expire some minutes early."""
        sessions, self._sessions = self._sessions, {}
        # Nothing is written to an org that is being vacuumed.
        keys = {key: use for key, use in self._keys.items() if not self._gate.is_closed_for(use[0])}
        self._keys = {}
        try:
            for part in _parts(sessions):
                await self._units.change(self._call("gateway_sessions_used", None), _slide(part))
            for key_part in _parts(keys):
                await self._units.change(self._call("gateway_keys_used", None), _note(key_part))
        except Exception as failure:  # noqa: BLE001  the next batch may succeed
            log.warning("what was used could not be kept", problem=type(failure).__name__)

    async def _keep_on(self) -> None:
        while True:
            await asyncio.sleep(self._used_seconds)
            await self.keep()

    def _call(self, name: str, orgcode: str | None) -> Call:
        now = self._clock.now()
        return Call(caller=replace(SYSTEM, orgcode=orgcode), name=name, request_id=new_id(now), started_utc=now)


def _slide(uses: dict[str, Utc]) -> Callable[[Change], Awaitable[None]]:
    """Extend these sessions."""

    async def write(change: Change) -> None:
        change.prefetch(SESSIONS, uses)
        for session_id, at in uses.items():
            session = await change.get(SESSIONS, session_id)
            if session is not None and (after := used(session, at)) is not session:
                await change.update(SESSIONS, after)

    return write


def _note(uses: dict[str, tuple[str, Utc]]) -> Callable[[Change], Awaitable[None]]:
    """Store when these keys were used, to the minute."""

    async def write(change: Change) -> None:
        everywhere = change.every_org()
        everywhere.prefetch(KEY_USES, uses)
        everywhere.prefetch(API_KEYS, uses)
        for key_id, (orgcode, at) in uses.items():
            if await everywhere.get(API_KEYS, key_id) is None:
                # The key was deleted with its org meanwhile; it must not be written again.
                continue
            minute = Utc(f"{at[:16]}:00.000Z")
            before = await everywhere.get(KEY_USES, key_id)
            after = KeyUse(key_id=key_id, orgcode=orgcode, last_used_utc=minute)
            if before is None:
                await everywhere.insert(KEY_USES, after)
            elif before != after:
                await everywhere.update(KEY_USES, after)

    return write


def _parts(uses: dict[str, T]) -> list[dict[str, T]]:
    items = list(uses.items())
    return [dict(items[start : start + BATCH_MAX]) for start in range(0, len(items), BATCH_MAX)]
