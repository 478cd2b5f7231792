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

HEAD_BYTES_MAX = 16 * 1024
"""Longest request line and longest header line."""

DRAIN_LOOK_SECONDS = 0.01

Refuse = Callable[[BaseRequest, Refusal], web.Response]
Handle = Callable[[BaseRequest], Awaitable[Any]]

log = get_logger("gateway.http.server")


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
