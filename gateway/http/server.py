"""The HTTP server: aiohttp's low-level one, with errors in the standard envelope.

Requests that are not HTTP or are ambiguous (both Content-Length and Transfer-Encoding, two lengths, bare line ends in
the head) never reach the pipeline: the parser refuses them, and the connection is closed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from chassis.errors import InternalError, Invalid, Refusal, TooLarge
from chassis.telemetry.log import get_logger
from gateway.limits.slots import Slots

HEAD_BYTES_MAX = 16 * 1024
"""Longest request line and longest header line."""

DRAIN_LOOK_SECONDS = 0.01

HEAD_SECONDS = 10.0
"""How long the head of a request may take from its first byte."""

STEP_BYTES = 64 * 1024
"""What is parsed at once of what has arrived."""

LINES_MAX = 256
SMALL_STEP_BYTES = 4 * 1024
"""The same of what has more lines than that: each chunk of a body is one, and costs as much as many bytes."""

UNREAD_SECONDS = 20.0
"""How long a caller may leave a part of an answer (some 50 KB) unread."""

SWEEP_SECONDS = 1.0

Refuse = Callable[[BaseRequest, Refusal], web.Response]
Handle = Callable[[BaseRequest], Awaitable[Any]]

log = get_logger("gateway.http.server")


class _Protocol(RequestHandler):
    """A caller's connection.

    head_since      when the first byte of a head came that is not complete; 0 where there is none
    unread_since    since when the caller has not read enough of an answer; 0 where they have
    address         the caller's address
    arrived         what has arrived and is parsed step by step, between which others are served; empty if there is none
    """

    __slots__ = ("address", "arrived", "head_since", "unread_since")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.head_since = self.unread_since = 0.0
        self.arrived = b""
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if isinstance(peer, tuple) else ""
        super().connection_made(transport)
        server = self._server()
        if not server.connected.take(self.address):
            self.force_close()
        else:
            # Before the first request, aiohttp keeps a silent connection for ever.
            self.keep_alive(True)
            server.sweep()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.arrived = b""
        server = self._manager
        if isinstance(server, Server):
            server.connected.leave(self.address)
            self._read(server)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not data or (len(data) <= SMALL_STEP_BYTES and not self.arrived):
            self._parse(data)
            return
        is_new = not self.arrived
        self.arrived += data
        if is_new:
            self._pause_transport_reading()
            self._parse_step()

    def _resume_transport_reading(self) -> None:
        if not self.arrived:
            super()._resume_transport_reading()

    def _parse_step(self) -> None:
        """Parse some of what has arrived, and the rest later; then read on, unless the handler has enough for now."""
        part, rest = self.arrived[:STEP_BYTES], self.arrived[STEP_BYTES:]
        if part.count(b"\r\n") > LINES_MAX:
            part, rest = self.arrived[:SMALL_STEP_BYTES], self.arrived[SMALL_STEP_BYTES:]
        self._parse(part)
        self.arrived = b"" if self.transport is None else rest
        if self.arrived:
            self._loop.call_soon(self._parse_step)
        elif not self._reading_paused and not self._buffer_paused:
            self._resume_transport_reading()

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        if self._messages or self._request_in_progress:
            self.head_since = 0.0
        elif not self.head_since:
            self.head_since = self._loop.time()

    def pause_writing(self) -> None:
        """The caller has stopped reading an answer: it stays in memory."""
        super().pause_writing()
        self.unread_since = self._loop.time()
        if not self._server().unread.take(self.address):
            self._abort()

    def resume_writing(self) -> None:
        super().resume_writing()
        server = self._manager
        if isinstance(server, Server):
            self._read(server)

    def expire(self, now: float) -> None:
        """Close the connection if its head or the reading of its answer takes too long."""
        if (self.head_since and now - self.head_since > HEAD_SECONDS) or (
            self.unread_since and now - self.unread_since > UNREAD_SECONDS
        ):
            self._abort()

    def _read(self, server: "Server") -> None:
        if self.unread_since:
            self.unread_since = 0.0
            server.unread.leave(self.address)

    def _server(self) -> "Server":
        assert isinstance(self._manager, Server)
        return self._manager

    def _abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  aiohttp's signature
    ) -> web.StreamResponse:
        """The answer to an invalid request. Nothing of it is quoted or logged, because it may contain credentials."""
        server = self._manager
        assert isinstance(server, Server)
        if request.writer.output_size > 0:
            raise ConnectionError("the answer had begun already")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("request failed outside of the pipeline", exc_info=exc)
        response = server.refuse(request, _refusal(status, exc))
        response.force_close()
        return response


class Server(web.Server):
    """Creates the protocol of each connection, and closes connections gracefully."""

    def __init__(
        self, handle: Handle, refuse: Refuse, *, keepalive_seconds: float, connected: Slots, unread: Slots
    ) -> None:
        super().__init__(handle, handler_cancellation=True)
        self.refuse = refuse
        self.connected = connected
        self.unread = unread
        self._sweeping: asyncio.TimerHandle | None = None
        self._options = {
            "keepalive_timeout": keepalive_seconds,
            "access_log": None,
            "auto_decompress": False,
            "max_line_size": HEAD_BYTES_MAX,
            "max_field_size": HEAD_BYTES_MAX,
            "lingering_time": 5.0,
        }

    def __call__(self) -> RequestHandler:
        return _Protocol(self, loop=self._loop, **self._options)  # type: ignore[arg-type]

    def sweep(self) -> None:
        """Close connections that take too long, from now on until there is none left."""
        if self._sweeping is None:
            self._sweeping = self._loop.call_later(SWEEP_SECONDS, self._look)

    def _look(self) -> None:
        self._sweeping = None
        now = self._loop.time()
        for connection in self.connections:
            if isinstance(connection, _Protocol):
                connection.expire(now)
        if self.connections:
            self.sweep()

    async def shutdown(self, timeout: float | None = None) -> None:
        """Close every connection."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        await super().shutdown(timeout)

    def close_idle(self) -> None:
        """Close connections without a request; the others close after their answer."""
        for connection in self.connections:
            if not _is_busy(connection):
                connection.close()

    async def drain(self, seconds: float) -> None:
        """Wait up to `seconds` until every request is answered."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while any(map(_is_busy, self.connections)) and loop.time() < deadline:  # noqa: ASYNC110  aiohttp has no event for it
            await asyncio.sleep(DRAIN_LOOK_SECONDS)


def _is_busy(connection: RequestHandler) -> bool:
    return bool(connection._request_in_progress or connection._messages)


def _refusal(status: int, exc: BaseException | None) -> Refusal:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return InternalError()
    if type(exc).__name__ == "LineTooLong":
        return TooLarge("the request line or a header is too long")
    return Invalid("this is not a proper HTTP request")
