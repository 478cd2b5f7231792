"""The connections to one replica: idle ones are reused, the number is limited, old and overdue ones are closed."""

import asyncio
from collections import deque
from contextlib import suppress

from gateway.upstream.balance import Replica
from gateway.upstream.connection import Connection
from gateway.upstream.port import ConnectionRefused

WATCH_SECONDS = 0.05
"""Precision of the time limit for an answer."""


class Pool:
    """The connections to one replica. Idle ones are kept newest last."""

    def __init__(self, replica: Replica, connections_max: int, idle_seconds: float, connect_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._replica = replica
        self._connections_max = connections_max
        self._idle_seconds = idle_seconds
        self._connect_seconds = connect_seconds
        self._idle: list[Connection] = []
        self._all: set[Connection] = set()
        self._opening = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False
        self._watch: asyncio.TimerHandle | None = None
        self._sweep = self._loop.call_later(idle_seconds, self._close_old)

    @property
    def ended(self) -> bool:
        """Whether it is retired and has no connection left."""
        return self._closed and not self._all

    def take_idle(self) -> Connection | None:
        """The idle connection that was used last and is still open, or None."""
        while self._idle:
            connection = self._idle.pop()
            if connection.alive:
                return connection
        return None

    async def take(self, *, fresh: bool = False) -> Connection:
        """A connection, new or (unless `fresh`) idle. Raises `ConnectionRefused` if the connect timeout passes."""
        try:
            async with asyncio.timeout(self._connect_seconds):
                while len(self._all) + self._opening >= self._connections_max:
                    if fresh and self._idle:
                        self._idle.pop(0).abort()
                    await self._room()
                    if not fresh and (idle := self.take_idle()) is not None:
                        return idle
                return await self._open()
        except TimeoutError:
            raise ConnectionRefused("no connection in time") from None
        except OSError as failure:
            raise ConnectionRefused(f"no connection: {failure.strerror or type(failure).__name__}") from None

    def give_back(self, connection: Connection) -> None:
        """Keep a connection for the next request."""
        if self._closed:
            connection.abort()
            return
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        self._wake()

    def lost(self, connection: Connection) -> None:
        """Forget a connection that has ended."""
        self._all.discard(connection)
        with suppress(ValueError):
            self._idle.remove(connection)
        self._wake()

    def retire(self) -> None:
        """Close idle connections now and the others after their answers: the replica is gone."""
        self._closed = True
        self._sweep.cancel()
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.abort()

    def close(self) -> None:
        """Close every connection."""
        self._closed = True
        self._sweep.cancel()
        if self._watch is not None:
            self._watch.cancel()
        for connection in list(self._all):
            connection.abort()

    def watch(self) -> None:
        """Expire requests whose time is over; one timer for all connections is cheaper than one each."""
        if self._watch is None:
            self._watch = self._loop.call_later(WATCH_SECONDS, self._look)

    def _look(self) -> None:
        self._watch = None
        now = self._loop.time()
        waiting = [connection for connection in self._all if connection.waiting]
        for connection in waiting:
            if connection.answer_by <= now:
                connection.expire()
        if waiting:
            self.watch()

    async def _open(self) -> Connection:
        self._opening += 1
        try:
            _, connection = await self._loop.create_connection(
                lambda: Connection(self._loop, self), self._replica.host, self._replica.port
            )
        finally:
            self._opening -= 1
        self._all.add(connection)
        return connection

    async def _room(self) -> None:
        """Wait in turn until a connection is idle or has ended."""
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._wake()
            raise
        finally:
            with suppress(ValueError):
                self._waiting.remove(waiter)

    def _wake(self) -> None:
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)
                return

    def _close_old(self) -> None:
        limit = self._loop.time() - self._idle_seconds
        for connection in [each for each in self._idle if each.idle_since <= limit]:
            connection.abort()
        self._idle = [each for each in self._idle if each.alive]
        self._sweep = self._loop.call_later(self._idle_seconds / 2, self._close_old)
