"""The hop from the gateway to a replica: what is asked, what comes back, and how it can fail.

There are two hops behind the same two words: `lean` with connections of its own, and `session` on aiohttp's client.
"""

from collections.abc import Sequence
from typing import Protocol

from gateway.upstream.balance import Replica

Headers = Sequence[tuple[bytes, bytes]]

BUFFER_BYTES_MAX = 256 * 1024
"""Answers up to this size are taken in whole before the first byte goes out; a broken one can still become a 503."""


class UpstreamError(Exception):
    """The replica did not give a whole answer. `sent`: whether it may have acted on the request."""

    sent = True


class ConnectionRefused(UpstreamError):
    """No connection could be opened: the replica has seen nothing of the request."""

    sent = False


class ConnectionBroken(UpstreamError):
    """The connection ended, or said something that is no HTTP, before the answer was whole."""


class UpstreamTimeout(UpstreamError):
    """The replica did not answer in its time."""


class BodySource(Protocol):
    """Where a streamed request body comes from."""

    async def readany(self) -> bytes:
        """The next bytes, empty at the end."""
        ...


class UpstreamRequest:
    """A request for a replica. `body` is the whole of it, or None where it has to be streamed from `stream`."""

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
        """Whether asking twice does no harm: the method changes nothing, and there is no body that is gone."""
        return self.method in {"GET", "HEAD", "OPTIONS"} and self.stream is None


class UpstreamResponse(Protocol):
    """What a replica answered. `body` is the whole of it, or None where it has to be read bit by bit."""

    status: int
    reason: str
    headers: Headers
    body: bytes | None
    length: int | None

    async def chunk(self) -> bytes:
        """The next bytes of the body, empty at its end. Raises `ConnectionBroken` or `UpstreamTimeout` before that."""
        ...

    def close(self) -> None:
        """Done with it, read to its end or not."""
        ...


class UpstreamClient(Protocol):
    """A way to ask replicas."""

    async def ask(self, replica: Replica, request: UpstreamRequest) -> UpstreamResponse:
        """Ask, and come back with the head of the answer and, if it is small, its body; or `UpstreamError`."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...
