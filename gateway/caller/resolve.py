"""Resolves credentials to callers, with a cache of less than two seconds, unknown credentials included.

A cached credential is answered without waiting. After its first second an entry is refreshed in the background while it
is still used, so busy callers never wait for the directory, and a revoked credential stops working within two seconds.
The age of an entry counts from before its lookup was sent.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Literal, Protocol

from chassis.clock import Utc
from chassis.entity import Value
from chassis.errors import Unavailable
from gateway.caller.credential import Credential

FRESH_SECONDS = 1.0
STALE_SECONDS = 1.9
QUESTIONS_MAX = 64
"""Lookups in the directory at once, so that a flood of invalid credentials does not become a flood of queries."""


class Membership(Value):
    """What an identity may do in an org. The owner holds every role."""

    orgcode: str
    owner: bool
    roles: frozenset[str]


class Identity(Value):
    """The owner of a credential. `orgcode` is the org of a key, None for a user."""

    kind: Literal["user", "key"]
    actor: str
    orgcode: str | None
    expires_utc: Utc | None


class Resolution(Value):
    """The directory's answer; None and None for an unknown credential."""

    identity: Identity | None
    membership: Membership | None
    fingerprint: str = ""


UNKNOWN = Resolution(identity=None, membership=None)


class Directory(Protocol):
    """Knows credentials: this gateway's own database, or another directory over gRPC."""

    async def resolve(self, credential: Credential, orgcode: str | None) -> Resolution:
        """The identity of the credential and its membership in the org, or `UNKNOWN`."""
        ...

    async def membership(self, kind: str, actor: str, orgcode: str) -> Membership | None:
        """What a user or key, named by its id, may do in the org now; None for one that may do nothing there."""
        ...


class _Entry:
    __slots__ = ("asking", "at", "resolution")

    def __init__(self, resolution: Resolution, at: float) -> None:
        self.resolution = resolution
        self.at = at
        self.asking = False


class Resolver:
    """Caches the directory's answers."""

    def __init__(
        self, directory: Directory, key: bytes, entries_max: int, now: Callable[[], float] = monotonic
    ) -> None:
        self._directory = directory
        self._key = key
        self._entries_max = entries_max
        self._now = now
        self._entries: dict[tuple[bytes, str | None], _Entry] = {}
        self._asked: dict[tuple[bytes, str | None], asyncio.Task[Resolution]] = {}
        self._turns = asyncio.Semaphore(QUESTIONS_MAX)
        self._generation = 0

    def known(self, credential: Credential, orgcode: str | None) -> Resolution | None:
        """The cached answer, or None. One that is getting old is refreshed in the background."""
        key = (credential.digest, orgcode)
        entry = self._entries.get(key)
        if entry is None:
            return None
        age = self._now() - entry.at
        if age >= STALE_SECONDS:
            del self._entries[key]
            return None
        if age >= FRESH_SECONDS and not entry.asking:
            entry.asking = True
            self._ask(key, credential, orgcode)
        return entry.resolution

    async def resolve(self, credential: Credential, orgcode: str | None) -> Resolution:
        """The cached answer, or that of one lookup shared by all who wait for it."""
        if (resolution := self.known(credential, orgcode)) is not None:
            return resolution
        key = (credential.digest, orgcode)
        task = self._asked.get(key) or self._ask(key, credential, orgcode)
        # Shielded: other requests may wait for the same lookup when this one is cancelled.
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Clear the cache, because the directory has just been changed here."""
        self._generation += 1
        self._entries.clear()
        self._asked.clear()

    async def stop(self) -> None:
        """Cancel the lookups that are still running."""
        tasks = list(self._asked.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ask(
        self, key: tuple[bytes, str | None], credential: Credential, orgcode: str | None
    ) -> asyncio.Task[Resolution]:
        task = asyncio.get_running_loop().create_task(self._question(key, credential, orgcode))
        self._asked[key] = task
        task.add_done_callback(lambda done: self._answered(key, done))
        return task

    async def _question(self, key: tuple[bytes, str | None], credential: Credential, orgcode: str | None) -> Resolution:
        generation = self._generation
        async with self._turns:
            at = self._now()
            resolution = await self._directory.resolve(credential, orgcode)
        if resolution.identity is not None:
            resolution = Resolution(
                identity=resolution.identity,
                membership=resolution.membership,
                fingerprint=credential.fingerprint(self._key),
            )
        if generation == self._generation:
            self._keep(key, _Entry(resolution, at))
        return resolution

    def _keep(self, key: tuple[bytes, str | None], entry: _Entry) -> None:
        self._entries.pop(key, None)
        self._entries[key] = entry
        while len(self._entries) > self._entries_max:
            del self._entries[next(iter(self._entries))]

    def _answered(self, key: tuple[bytes, str | None], task: asyncio.Task[Resolution]) -> None:
        if self._asked.get(key) is task:
            del self._asked[key]
        if not task.cancelled() and task.exception() is not None and (entry := self._entries.get(key)) is not None:
            entry.asking = False


def unreachable() -> Unavailable:
    """503, not 401: while the directory is down, an unknown credential cannot be told from a valid one."""
    return Unavailable("the directory can't be reached", 1)
