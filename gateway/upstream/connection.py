"""A kept-alive connection to a replica, on aiohttp's C parser.

A connection carries one request at a time and returns to its pool's idle list only after a complete answer. The parser
is not public API of aiohttp: its version is pinned by the lock, and `PROXY=session` uses the public client instead.
"""

import asyncio
from typing import Any, Protocol

from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol
from aiohttp.client_exceptions import ClientPayloadError
from aiohttp.http import HttpResponseParser, RawResponseMessage
from aiohttp.streams import EMPTY_PAYLOAD

from gateway.upstream.port import ConnectionBroken, UpstreamError, UpstreamTimeout

READ_BYTES = 64 * 1024
LINE_BYTES_MAX = 8190

_BODILESS = frozenset({204, 304})

Head = tuple[RawResponseMessage, StreamReader]


class ConnectionOwner(Protocol):
    """The pool of a connection, as the connection sees it."""

    def give_back(self, connection: "Connection") -> None:
        """Take back a connection that may carry another request."""
        ...

    def lost(self, connection: "Connection") -> None:
        """Forget a connection that has ended."""
        ...

    def watch(self) -> None:
        """Expire connections whose `answer_by` passes from now on."""
        ...


class Connection(BaseProtocol):
    """One connection to a replica. `idle_since` and `answer_by` are times of the event loop, in seconds."""

    __slots__ = ("_answered", "_head_only", "_payload", "_pool", "_reusable", "_waiter", "answer_by", "idle_since")

    def __init__(self, loop: asyncio.AbstractEventLoop, pool: ConnectionOwner) -> None:
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
        """Send a request, or its head; the future gets the head of the answer, or an `UpstreamError`."""
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
        """Send more of a body, waiting while the send buffer is full; the time for the answer starts again."""
        if self.transport is None:
            raise ConnectionBroken("the connection ended within the request")
        self.transport.write(data)
        self.give_time(seconds)
        if self._paused:
            await self._drain_helper()

    def give_time(self, seconds: float) -> None:
        """Let the answer take up to `seconds` from now."""
        self.answer_by = self._loop.time() + seconds

    @property
    def waiting(self) -> bool:
        """Whether a request has been sent and its answer has not begun."""
        return self._waiter is not None

    def expire(self) -> None:
        """Fail the request with `UpstreamTimeout` and close the connection."""
        self._fail(UpstreamTimeout("no answer in time"))
        self.abort()

    def spoil(self) -> None:
        """Mark it so that it carries no other request."""
        self._reusable = False

    def release(self) -> None:
        """End the use of the answer: back to the pool if it was complete, closed otherwise."""
        payload, self._payload = self._payload, None
        if self.alive and (payload is None or payload.is_eof()):
            self._pool.give_back(self)
        else:
            self.abort()

    def abort(self) -> None:
        """Close it at once, so that the replica stops working on the request."""
        self._reusable = False
        self._waiter = None
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        if self._parser is None:
            return
        if data and self._waiter is None and (self._payload is None or self._payload.is_eof()):
            # Bytes without a request: they must not be taken for the answer to the next one.
            self.abort()
            return
        self._answered = self._answered or bool(data)
        try:
            messages, _, _ = self._parser.feed_data(data)
        except Exception as failure:  # noqa: BLE001  any parser error is a broken answer
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
        except Exception:  # noqa: BLE001  the answer was incomplete
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
        """Reject a second answer, one without a request, or one in another protocol."""
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
