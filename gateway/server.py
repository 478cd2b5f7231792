"""The HTTP server: aiohttp's low-level one, whose own error pages are put into the standard envelope.

Requests that are no HTTP, or could be read in two ways (both Content-Length and Transfer-Encoding, two lengths, bare
line ends in the head), never reach the pipeline: the parser refuses them, and the connection is closed.
"""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

import structlog
from aiohttp import web
from aiohttp.web_protocol import RequestHandler
from aiohttp.web_request import BaseRequest

from chassis.errors import InternalError, Invalid, Refusal, TooLarge

HEAD_BYTES_MAX = 16 * 1024
"""Longest request line, and longest header."""

Refuse = Callable[[BaseRequest, Refusal], web.Response]
Handle = Callable[[BaseRequest], Awaitable[web.StreamResponse]]

log = structlog.get_logger(part="server")


class _Protocol(RequestHandler):
    """A caller's connection."""

    __slots__ = ()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002  aiohttp's signature
    ) -> web.StreamResponse:
        """The answer to what is no proper request; nothing of it is quoted or logged, for it may hold anything."""
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
    """Makes a protocol for each connection, and knows how to let go of them gently."""

    def __init__(self, handle: Handle, refuse: Refuse, *, keepalive_seconds: float) -> None:
        super().__init__(handle, handler_cancellation=True)
        self.refuse = refuse
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

    @property
    def busy(self) -> bool:
        """Whether any connection has a request that is not answered yet."""
        return any(connection._request_in_progress or connection._messages for connection in self.connections)

    async def wait_until_idle(self, seconds: float) -> bool:
        """Wait until no request is being worked on; answers whether that came about in time."""
        deadline = asyncio.get_running_loop().time() + seconds
        while self.busy:
            if asyncio.get_running_loop().time() >= deadline:
                return False
            await asyncio.sleep(0.01)
        return True


def _refusal(status: int, exc: BaseException | None) -> Refusal:
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return InternalError()
    if type(exc).__name__ == "LineTooLong":
        return TooLarge("the request line or a header is too long")
    return Invalid("this is not a proper HTTP request")
