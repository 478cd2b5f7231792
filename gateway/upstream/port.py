"""The port to the replicas of services: requests, responses and errors.

Two clients implement it: `raw_client.py` with connections of its own (`PROXY=lean`), and `aiohttp_client.py`
(`PROXY=session`).
"""

from collections.abc import Sequence
from typing import Protocol

from gateway.upstream.balance import Replica

Headers = Sequence[tuple[bytes, bytes]]

BUFFER_BYTES_MAX = 256 * 1024
"""Responses up to this size are read completely before the first byte goes out, so a broken one becomes a 503."""


class UpstreamError(Exception):
    """The replica gave no complete response. `sent`: whether it may have received the request."""

    sent = True


class ConnectionRefused(UpstreamError):
    """No connection could be opened: the replica has received nothing."""

    sent = False


class ConnectionBroken(UpstreamError):
    """The connection ended, or sent invalid HTTP, before the response was complete."""


class UpstreamTimeout(UpstreamError):
    """The replica did not answer in time."""


class BodySource(Protocol):
    """The source of a streamed request body."""

    async def readany(self) -> bytes:
        """The next bytes, empty at the end."""
        ...


class UpstreamRequest:
    """A request for a replica. `body` is the complete body, or None if it is streamed from `stream`."""

    __slots__ = ("body", "headers", "length", "method", "seconds", "stream", "stream_seconds", "target")

    def __init__(
        self,
        method: str,
        target: str,
        headers: Headers,
        body: bytes | None,
        *,
        seconds: float,
        stream: BodySource | None = None,
        length: int | None = None,
        stream_seconds: float = 60.0,
    ) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.body = body
        self.stream = stream
        self.length = length
        self.seconds = seconds
        self.stream_seconds = stream_seconds

    @property
    def safe(self) -> bool:
        """Whether the request can be repeated: the method changes nothing, and no body has been consumed."""
        return self.method in {"GET", "HEAD", "OPTIONS"} and self.stream is None


class UpstreamResponse(Protocol):
    """The response of a replica. `body` is the complete body, or None if it must be read with `chunk`."""

    status: int
    reason: str
    headers: Headers
    body: bytes | None
    length: int | None

    async def chunk(self) -> bytes:
        """The next bytes of the body, empty at its end. Raises `ConnectionBroken` or `UpstreamTimeout` before that."""
        ...

    def close(self) -> None:
        """End the use of the response, read completely or not."""
        ...


class UpstreamClient(Protocol):
    """Sends requests to replicas."""

    async def ask(self, replica: Replica, request: UpstreamRequest) -> UpstreamResponse:
        """Send a request; returns the head of the response with its body if that is small. Raises `UpstreamError`."""
        ...

    async def close(self) -> None:
        """Close every connection."""
        ...
