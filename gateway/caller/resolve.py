"""Credential → caller, kept in memory for less than two seconds, negative answers too.

Whoever is asked for again while known is answered without waiting. An entry past its first second is asked for anew in
the background while it still serves, so that a busy caller never waits for the directory, and a revoked credential
stops working two seconds later at the latest. The age of an entry counts from before its question was sent.
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
"""Questions to the directory at once: a flood of made-up credentials must not become one of queries."""


class Membership(Value):
    """What an identity may do in an org. The owner holds every role."""

    orgcode: str
    owner: bool
    roles: frozenset[str]


class Identity(Value):
    """Who a credential belongs to. `orgcode` is the org a key is bound to, None for a user."""

    kind: Literal["user", "key"]
    actor: str
    orgcode: str | None
    expires_utc: Utc | None


class Resolution(Value):
    """The directory's answer: None and None when nobody is known by the credential."""

    identity: Identity | None
    membership: Membership | None
    fingerprint: str = ""


UNKNOWN = Resolution(identity=None, membership=None)


class Directory(Protocol):
    """Who knows credentials: this gateway's own database, or another directory over gRPC."""

    async def resolve(self, credential: Credential, orgcode: str | None) -> Resolution:
        """Whose credential it is and what that identity is in the org; `UNKNOWN` when nobody's."""
        ...


class _Entry:
    __slots__ = ("asking", "at", "resolution")

    def __init__(self, resolution: Resolution, at: float) -> None:
        self.resolution = resolution
        self.at = at
        self.asking = False


class Resolver:
    """The directory's answers, remembered for a moment."""

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
        """The answer in memory, if it is young enough; one that is getting old is asked for anew meanwhile."""
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
        """The answer, asked for where it is not in memory; once, however many wait for it."""
        if (resolution := self.known(credential, orgcode)) is not None:
            return resolution
        key = (credential.digest, orgcode)
        task = self._asked.get(key) or self._ask(key, credential, orgcode)
        # Shielded: others may wait for the same answer when this caller goes away.
        return await asyncio.shield(task)

    def forget(self) -> None:
        """Drop all that is remembered: something in the directory has just changed here."""
        self._generation += 1
        self._entries.clear()
        self._asked.clear()

    async def stop(self) -> None:
        """End the questions that are still open."""
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
