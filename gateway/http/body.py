"""Request bodies: their size and type are checked, and they are read into memory within a budget.

If the head names size and type, they are checked before a byte of the body is read.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from aiohttp import StreamReader
from aiohttp.web_request import BaseRequest

from chassis.errors import Invalid, TooLarge, Unavailable, UnsupportedMedia, invalid_field

SMALL_BYTES = 64 * 1024
"""Bodies up to this size are not counted against the budget."""

BODY_SECONDS = 30.0
"""How long a caller may take to send a body that is read completely, and how long it may wait for the budget."""


GRACE_SECONDS = 5.0
BYTES_PER_SECOND = 4 * 1024
"""The least speed of a body, averaged, after its first seconds."""


class Budget:
    """Limits the bytes of larger bodies in memory; when it is used up, further bodies wait in turn, unread."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._free = total
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def room(self, size: int) -> AsyncIterator[None]:
        """Reserve memory for a body within the block."""
        taken = await self.take(size) if size > SMALL_BYTES else 0
        try:
            yield
        finally:
            self.give_back(taken)

    async def take(self, size: int) -> int:
        """Reserve memory for a body; returns the bytes to give back. Raises `Unavailable` after a long wait."""
        size = min(size, self._total)
        if not self._waiting and size <= self._free:
            self._free -= size
            return size
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((size, waiter))
        try:
            async with asyncio.timeout(BODY_SECONDS):
                await waiter
        except BaseException as left:
            if waiter.done() and not waiter.cancelled():
                self.give_back(size)
            self._grant()
            if isinstance(left, TimeoutError):
                raise Unavailable("too many large bodies at once", 1) from None
            raise
        return size

    def give_back(self, size: int) -> None:
        """Return reserved memory."""
        self._free += size
        self._grant()

    def _grant(self) -> None:
        while self._waiting:
            size, waiter = self._waiting[0]
            if not waiter.done():
                if size > self._free:
                    return
                self._free -= size
                waiter.set_result(None)
            self._waiting.popleft()


class Arrival:
    """The least speed at which a body has to arrive: after `GRACE_SECONDS`, `BYTES_PER_SECOND` on average."""

    __slots__ = ("_begun", "_loop")

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._begun = self._loop.time()

    def next(self, bytes_read: int) -> asyncio.Timeout:
        """The time within which the next part has to come."""
        return asyncio.timeout_at(self._begun + GRACE_SECONDS + bytes_read / BYTES_PER_SECOND)


class Limited:
    """A body that is read in parts, up to the limit of its route."""

    __slots__ = ("_arrival", "_bytes_max", "_content", "bytes_read")

    def __init__(self, content: StreamReader, bytes_max: int) -> None:
        self._content = content
        self._bytes_max = bytes_max
        self._arrival = Arrival()
        self.bytes_read = 0

    async def readany(self) -> bytes:
        """The next bytes, empty at the end. Raises `TooLarge` above the limit, `Invalid` if they come too slowly."""
        try:
            async with self._arrival.next(self.bytes_read):
                part = await self._content.readany()
        except TimeoutError:
            raise _too_slow() from None
        self.bytes_read += len(part)
        if self.bytes_read > self._bytes_max:
            raise too_large(self._bytes_max)
        return part


def announced_bytes(request: BaseRequest) -> int | None:
    """The size in bytes that a body is announced with; None where there is none."""
    length = request.headers.get("Content-Length")
    return int(length) if length is not None and length.isdigit() else None


def may_exceed(request: BaseRequest, bytes_max: int, *, raw: bool) -> bool:
    """Whether the body may have more bytes than this, which a raw body of unknown size is taken not to have."""
    announced = announced_bytes(request)
    return not raw if announced is None else announced > bytes_max


def check_head(request: BaseRequest, taken: Mapping[str, str], bytes_max: int, *, raw: bool) -> int | None:
    """The announced size of the body in bytes, or None. Raises `TooLarge` and `UnsupportedMedia` by the head alone.

    Only the transfer coding `chunked` is accepted: others would hide the body from the checks.
    """
    length = request.headers.get("Content-Length")
    announced = announced_bytes(request)
    has_body = request.body_exists and announced != 0
    if announced is not None and announced > bytes_max:
        raise too_large(bytes_max)
    if length is None and has_body:
        codings = request.headers.getall("Transfer-Encoding", ())
        if any(coding.strip().lower() != "chunked" for coding in codings):
            raise invalid_field("transfer-encoding", "must be chunked")
    if not has_body or raw:
        return announced
    if taken.get("content-encoding", "identity").lower() not in {"identity", ""}:
        raise UnsupportedMedia("compressed bodies are not taken")
    kind = taken.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise UnsupportedMedia("the body must be application/json")
    return announced


def encourage(request: BaseRequest, taken: Mapping[str, str]) -> None:
    """Send `100 Continue` if the caller asked for it (`Expect: 100-continue`) before sending the body."""
    if taken.get("expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def read(request: BaseRequest, bytes_max: int) -> bytes:
    """The complete body. Raises `TooLarge` as soon as the limit is passed."""
    content = request.content
    if content.is_eof():
        body = content.read_nowait()
        if len(body) > bytes_max:
            raise too_large(bytes_max)
        return body
    parts: list[bytes] = []
    size = 0
    arrival = Arrival()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                async with arrival.next(size):
                    part = await content.readany()
                if not part:
                    return b"".join(parts)
                size += len(part)
                if size > bytes_max:
                    raise too_large(bytes_max)
                parts.append(part)
    except TimeoutError:
        raise _too_slow() from None


def _too_slow() -> Invalid:
    return invalid_field("body", "did not arrive in time")


def too_large(bytes_max: int) -> TooLarge:
    """The refusal of a body over the limit of its route."""
    return TooLarge(f"the body may have at most {bytes_max} bytes", bytes_max=bytes_max)
