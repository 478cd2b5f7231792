"""The HTTP port: aiohttp's low-level server around one handler, without application, router or middlewares.

Measured at half the CPU of an `Application`. Idle connections are kept longer than the gateway keeps its own, so a
service never closes one that a request is being sent on.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

from aiohttp import web
from aiohttp.web import BaseRequest, RequestHandler, Server

KEEP_ALIVE_SECONDS = 75.0
BACKLOG = 1024
LINGER_SECONDS = 1.0
LINE_BYTES_MAX = 8190
HEADER_BYTES_MAX = 16 * 1024
DRAIN_SECONDS = 0.5
"""How long requests on open connections are still answered after a stop began, with `Connection: close`."""

LOOK_SECONDS = 0.05
CUT_OFF_SECONDS = 0.1

Handle = Callable[[BaseRequest], Awaitable[web.StreamResponse]]
Explain = Callable[[int], web.Response]
"""Makes the response to bytes that are not valid HTTP, from the status that aiohttp suggests."""


class _Connection(RequestHandler):
    """A connection whose protocol errors are answered in the envelope."""

    __slots__ = ("explain",)

    explain: Explain

    def handle_error(
        self,
        request: BaseRequest,  # noqa: ARG002  aiohttp's signature
        status: int = 500,
        exc: BaseException | None = None,  # noqa: ARG002
        message: str | None = None,  # noqa: ARG002
    ) -> web.StreamResponse:
        response = self.explain(status)
        response.force_close()
        return response


class _Connections(Server):
    def __init__(self, handle: Handle, explain: Explain) -> None:
        super().__init__(handle)
        self._explain = explain

    def __call__(self) -> _Connection:
        connection = _Connection(
            self,
            loop=self._loop,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            lingering_time=LINGER_SECONDS,
            max_line_size=LINE_BYTES_MAX,
            max_field_size=HEADER_BYTES_MAX,
            auto_decompress=False,
            access_log=None,  # type: ignore[arg-type]  # None turns it off; the annotation does not say so
        )
        connection.explain = self._explain
        return connection


class HttpServer:
    """One HTTP port."""

    def __init__(self, host: str, port: int, handle: Handle, explain: Explain) -> None:
        self.host = host
        self.port = port
        self._handle = handle
        self._explain = explain
        self._in_flight = 0
        self._stopping = False
        self._answered = asyncio.Event()
        self._connections: _Connections | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> int:
        """Open the port and return its number. Raises OSError if it is taken."""
        self._connections = _Connections(self._serve, self._explain)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connections, self.host, self.port, backlog=BACKLOG)
        self.port = self._server.sockets[0].getsockname()[1]
        return self.port

    async def stop(self, seconds: float) -> None:
        """Refuse new connections, finish the requests in progress within `seconds`, then close.

        A request may already have been sent on a connection that looks idle, so idle ones stay open for a moment.
        """
        if self._server is None or self._connections is None:
            return
        deadline = monotonic() + seconds
        self._stopping = True
        self._server.close()
        await self._until_quiet(min(seconds, DRAIN_SECONDS), lambda: not self.connections)
        self._connections.pre_shutdown()
        await self._until_quiet(deadline - monotonic(), lambda: not self._in_flight)
        await self._connections.shutdown(CUT_OFF_SECONDS)
        self._server = self._connections = None

    @property
    def connections(self) -> int:
        """Number of open connections."""
        return len(self._connections.connections) if self._connections is not None else 0

    async def _until_quiet(self, seconds: float, quiet: Callable[[], bool]) -> None:
        """Wait until `quiet()` is true, checked after each answered request; at most `seconds`."""
        deadline = monotonic() + seconds
        while not quiet() and (left := deadline - monotonic()) > 0:
            self._answered.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._answered.wait(), min(left, LOOK_SECONDS))

    async def _serve(self, request: BaseRequest) -> web.StreamResponse:
        self._in_flight += 1
        try:
            response = await self._handle(request)
        finally:
            self._in_flight -= 1
            self._answered.set()
        if self._stopping:
            response.force_close()
        return response
