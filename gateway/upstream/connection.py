"""Kept-alive connections of our own to the replicas, on aiohttp's C parser.

A connection carries one request at a time and goes back to its replica's idle list only after a whole answer. The
parser is not public API of aiohttp: its version is pinned by the lock, and `PROXY=session` takes the public way.
"""

import asyncio
from collections import deque
from contextlib import suppress
from typing import Any

from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.client_exceptions import ClientPayloadError
from aiohttp.http import HttpResponseParser, RawResponseMessage
from aiohttp.streams import EMPTY_PAYLOAD

from gateway.upstream.balance import Replica
from gateway.upstream.port import ConnectionBroken, ConnectionRefused, UpstreamError, UpstreamTimeout

READ_BYTES = 64 * 1024
LINE_BYTES_MAX = 8190
WATCH_SECONDS = 0.05
"""How exactly the time for an answer is kept."""

_BODILESS = frozenset({204, 304})

Head = tuple[RawResponseMessage, StreamReader]


class Connection(BaseProtocol):
    """One connection to a replica. `idle_since` is the loop's time at which it was put aside."""

    __slots__ = ("_answered", "_head_only", "_payload", "_pool", "_reusable", "_waiter", "answer_by", "idle_since")

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: "Pool") -> None:
        super().__init__(loop)
        self._pool = pool
        self._parser = self._new_parser(with_body=True)
        self._waiter: asyncio.Future[Head] | None = None
        self.answer_by = 0.0
        self._payload: StreamReader | None = None
        self._head_only = False
        self._reusable = True
        self._answered = False
        self.idle_since = 0.0

    @property
    def alive(self) -> bool:
        """Whether a request may be sent on it."""
        return self._reusable and self.transport is not None and not self.transport.is_closing()

    @property
    def answered(self) -> bool:
        """Whether any byte of an answer has come since the last request was sent."""
        return self._answered

    def send(self, data: bytes, *, head_only: bool, seconds: float) -> asyncio.Future[Head]:
        """Send a request, or the head of one; the future brings the head of the answer."""
        assert self._waiter is None, "a connection carries one request at a time"
        assert self.transport is not None
        if head_only != self._head_only:
            self._parser = self._new_parser(with_body=not head_only)
            self._head_only = head_only
        self._answered = False
        waiter: asyncio.Future[Head] = self._loop.create_future()
        self._waiter = waiter
        self.transport.write(data)
        self.answer_by = self._loop.time() + seconds
        self._pool.watch()
        return waiter

    async def write(self, data: bytes, seconds: float) -> None:
        """Send more of a body, no faster than the replica takes it; the replica's time starts anew."""
        if self.transport is None:
            raise ConnectionBroken("the connection ended within the request")
        self.transport.write(data)
        self.give_time(seconds)
        if self._paused:
            await self._drain_helper()

    def give_time(self, seconds: float) -> None:
        """Give the replica so many seconds from now for the head of its answer."""
        self.answer_by = self._loop.time() + seconds

    @property
    def waiting(self) -> bool:
        """Whether an answer is waited for."""
        return self._waiter is not None

    def expire(self) -> None:
        """The time for the head of the answer is over."""
        self._fail(UpstreamTimeout("no answer in time"))
        self.abort()

    def spoil(self) -> None:
        """It must not carry another request."""
        self._reusable = False

    def release(self) -> None:
        """Done with this answer: back to the idle ones if it was whole, closed otherwise."""
        payload, self._payload = self._payload, None
        if self.alive and (payload is None or payload.is_eof()):
            self._pool.give_back(self)
        else:
            self.abort()

    def abort(self) -> None:
        """Close it at once: the replica learns that nobody waits any more."""
        self._reusable = False
        self._waiter = None
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            return
        if data and self._waiter is None and (self._payload is None or self._payload.is_eof()):
            # Bytes nobody asked for: whatever they are, they are no answer to the next request.
            self.abort()
            return
        self._answered = self._answered or bool(data)
        try:
            messages, _, _ = self._parser.feed_data(data)
        except Exception as failure:  # noqa: BLE001  whatever the parser stumbles over is a broken answer
            self._fail(ConnectionBroken(f"no HTTP: {type(failure).__name__}"))
            self.abort()
            return
        for message, payload in messages:
            if 100 <= message.code < 200 and message.code != 101:
                continue
            self._take_head(message, payload)

    def eof_received(self) -> None:
        self._reusable = False

    def connection_lost(self, exc: BaseException | None) -> None:
        self._reusable = False
        parser, self._parser = self._parser, None
        try:
            if parser is not None:
                parser.feed_eof()
        except Exception:  # noqa: BLE001  an answer that was not whole
            if self._payload is not None and not self._payload.is_eof():
                self._payload.set_exception(ClientPayloadError("the answer ended too early"))
        self._fail(ConnectionBroken("the connection ended before the answer"))
        self._pool.lost(self)
        super().connection_lost(exc)

    def _take_head(self, message: RawResponseMessage, payload: StreamReader) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is None or waiter.done() or message.code == 101:
            self._fail_now(waiter)
            return
        if message.should_close:
            self._reusable = False
        if self._head_only or message.code in _BODILESS:
            payload = EMPTY_PAYLOAD
        self._payload = payload
        waiter.set_result((message, payload))

    def _fail_now(self, waiter: asyncio.Future[Head] | None) -> None:
        """A second answer, one that nobody waits for any more, or one in another protocol."""
        if waiter is not None and not waiter.done():
            waiter.set_exception(ConnectionBroken("an answer that was not asked for"))
        self.abort()

    def _fail(self, failure: UpstreamError) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(failure)

    def _new_parser(self, *, with_body: bool) -> Any:
        return HttpResponseParser(
            self,
            self._loop,
            READ_BYTES,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=LINE_BYTES_MAX,
            payload_exception=ClientPayloadError,
            response_with_body=with_body,
            read_until_eof=True,
            auto_decompress=False,
        )


class Pool:
    """The connections to one replica: the idle ones, newest last, and how many there are at all."""

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

    def take_idle(self) -> Connection | None:
        """An idle connection that is still good, the one used last."""
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
        """Put a connection aside for the next request."""
        if self._closed:
            connection.abort()
            return
        connection.idle_since = self._loop.time()
        self._idle.append(connection)
        self._wake()

    def lost(self, connection: Connection) -> None:
        """A connection is no more."""
        self._all.discard(connection)
        with suppress(ValueError):
            self._idle.remove(connection)
        self._wake()

    def close(self) -> None:
        """Close every connection."""
        self._closed = True
        self._sweep.cancel()
        if self._watch is not None:
            self._watch.cancel()
        for connection in list(self._all):
            connection.abort()

    def watch(self) -> None:
        """See to it that no answer is waited for longer than it may take; one timer for all is cheaper than many."""
        if self._watch is None and not self._closed:
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
        """Wait in turn until a connection is free or gone."""
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
