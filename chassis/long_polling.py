"""Long polling: a caller names the value it knows, and is answered when there is another one.

One loop reads the value for all waiting callers: at once after a commit of this process, every second if other replicas
commit too, and otherwise every 30 s, for values that change with time alone. While no caller waits, nothing is read. If
no other replica commits and this process has not committed since, the value read last is used again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import Generic, TypeVar

from chassis.errors import DatabaseError, Refusal
from chassis.telemetry.log import get_logger

LOOK_SECONDS = 1.0
LOOK_ALONE_SECONDS = 30.0
SHARED_SECONDS = 5.0
"""How soon it is seen that another replica has joined."""

WAIT_SECONDS_MAX = 60.0
TIMER_SECONDS = 0.01
"""Timers may end a little early: a wait is not begun for less than this."""

T = TypeVar("T")

log = get_logger("chassis.long_polling")


class Watched(Generic[T]):
    """A value in the database, and the callers that wait for it to change. `look` reads it.

    shared  whether other replicas commit too
    """

    def __init__(self, look: Callable[[], Awaitable[T]], shared: Callable[[], bool] = lambda: True) -> None:
        self._look = look
        self._shared = shared
        self._looked = 0.0
        # Commits of this process so far, and the value read last with their number before the read.
        self._commits = 0
        self._found: tuple[T, int] | None = None
        # Who waits -> the value they know.
        self._waiting: dict[asyncio.Future[T], T] = {}
        self._woken = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None
        self._released = False

    def wake(self) -> None:
        """Read the value now: something was committed."""
        self._commits += 1
        if self._waiting:
            self._woken.set()

    def release(self) -> None:
        """Answer all waiting callers, and later ones at once."""
        self._released = True
        for waiting, value in self._waiting.items():
            _answer(waiting, value)

    async def stop(self) -> None:
        """Stop reading."""
        self.release()
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)

    async def read(self, is_known: Callable[[T], bool], seconds: float) -> T:
        """The value: at once if it is not the known one, else when it changes or the seconds have passed."""
        value = await self._current()
        ends = monotonic() + min(seconds, WAIT_SECONDS_MAX)
        while is_known(value) and not self._released and (left := ends - monotonic()) > TIMER_SECONDS:
            value = await self._next(value, left)
        return value

    async def _current(self) -> T:
        """The value now."""
        is_recent = monotonic() - self._looked < LOOK_ALONE_SECONDS and not self._shared()
        if is_recent and self._found is not None and self._found[1] == self._commits:
            return self._found[0]
        return await self._read()

    async def _read(self) -> T:
        commits = self._commits
        self._looked = monotonic()
        value = await self._look()
        self._found = value, commits
        return value

    async def _next(self, value: T, seconds: float) -> T:
        """The next value that differs from this one; this one after the seconds."""
        waiting: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting[waiting] = value
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read_on(), name="watched value")
        try:
            async with asyncio.timeout(seconds):
                return await waiting
        except TimeoutError:
            return value
        finally:
            del self._waiting[waiting]

    async def _read_on(self) -> None:
        while self._waiting and not self._released:
            with suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS if self._shared() else SHARED_SECONDS):
                    await self._woken.wait()
            is_due = monotonic() - self._looked >= LOOK_ALONE_SECONDS
            if not (self._woken.is_set() or is_due or self._shared()):
                continue
            self._woken.clear()
            try:
                found = await self._read()
            except (DatabaseError, Refusal) as failure:
                # Those who wait know the last state, and are told when another one can be read.
                log.debug("a watched value can't be read", problem=repr(failure))
                continue
            for waiting, known in self._waiting.items():
                if known != found:
                    _answer(waiting, found)


def _answer(waiting: "asyncio.Future[T]", value: T) -> None:
    if not waiting.done():
        waiting.set_result(value)
