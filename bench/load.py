"""The load generator: a closed loop of clients over raw HTTP/1.1 connections, cheap enough not to be the bottleneck.

A client sends a request, waits for the whole answer, and sends the next. Requests are bytes prepared in advance. The
measurement includes the generator's own CPU use, because a busy generator limits the rate.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, cast
from urllib.parse import urlencode

import psutil
from msgspec import Struct

GENERATOR_BUSY = 0.85
"""Share of one core above which the generator, not the server, may have limited the rate."""


class HttpAnswer(Struct, frozen=True):
    """An HTTP answer: its status and body."""

    status: int
    body: bytes


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request at a time on it. Answers must carry a Content-Length."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._waiting: asyncio.Future[HttpAnswer] | None = None
        self._head = 0
        self._length = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(ConnectionError("closed by the server"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._length < 0:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = end + 4
            self._length = _content_length(bytes(self._buffer[:end]))
        if len(self._buffer) < self._head + self._length or self._waiting is None:
            return
        answer = HttpAnswer(int(self._buffer[9:12]), bytes(self._buffer[self._head : self._head + self._length]))
        self._buffer.clear()
        self._length = -1
        waiting, self._waiting = self._waiting, None
        waiting.set_result(answer)

    def ask(self, request: bytes) -> asyncio.Future[HttpAnswer]:
        """Send a request; the future is its answer."""
        assert self._transport is not None
        if self._transport.is_closing():
            raise ConnectionError("closed by the server")
        self._waiting = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._waiting

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


def _content_length(head: bytes) -> int:
    at = head.lower().find(b"\r\ncontent-length:")
    if at < 0:
        raise ConnectionError("an answer without Content-Length")
    return int(head[at + 17 : head.find(b"\r\n", at + 2) if head.find(b"\r\n", at + 2) > 0 else len(head)])


class Measured(Struct):
    """The result of one load run. Latencies are in milliseconds."""

    name: str
    clients: int
    requests: int = 0
    errors: int = 0
    seconds: float = 0.0
    latencies: list[float] = []
    generator_busy: float = 0.0
    note: str = ""

    @property
    def per_second(self) -> float:
        """Successful requests per second."""
        return (self.requests - self.errors) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """The latency percentile in milliseconds; `share` is from 0 to 1."""
        if not self.latencies:
            return 0.0
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


Flow = Callable[["Client", int], Awaitable[None]]


class Client:
    """One client of a run: sends requests over its own connection and counts errors."""

    def __init__(self, connection: Connection, result: Measured, good: Collection[int]) -> None:
        self._connection = connection
        self._result = result
        self._good = good

    async def ask(self, request: bytes) -> HttpAnswer:
        """Send a request, return its answer. An unexpected status is an error; the first is quoted in the note."""
        answer = await self._connection.ask(request)
        if answer.status not in self._good:
            self._result.errors += 1
            self._result.note = self._result.note or answer.body[:300].decode(errors="replace")
        return answer


async def run(
    name: str,
    address: tuple[str, int],
    flow: Flow,
    *,
    clients: int,
    seconds: float,
    good: Collection[int] = (200,),
    limit: int = 10**9,
    enough: Callable[[], bool] = lambda: False,
) -> Measured:
    """Load one address for `seconds`, until `limit` flows have started, or until `enough()` is true.

    `flow(client, n)` is the n-th unit of work: one request, or several that belong together.
    """
    loop = asyncio.get_running_loop()
    connections = [(await loop.create_connection(Connection, *address))[1] for _ in range(clients)]
    result = Measured(name=name, clients=clients, latencies=[])
    counter = iter(range(limit))
    end = time.perf_counter() + seconds

    async def keep_going(connection: Connection) -> None:
        client, clock = Client(connection, result, good), time.perf_counter
        while (before := clock()) < end and not enough() and (number := next(counter, None)) is not None:
            await flow(client, number)
            result.latencies.append((clock() - before) * 1000)
            result.requests += 1

    own = psutil.Process()
    cpu, started = sum(own.cpu_times()[:2]), time.perf_counter()
    try:
        await asyncio.gather(*(keep_going(connection) for connection in connections))
    finally:
        for connection in connections:
            connection.close()
    result.seconds = time.perf_counter() - started
    result.generator_busy = (sum(own.cpu_times()[:2]) - cpu) / result.seconds
    return result


def single(make_request: Callable[[int], bytes]) -> Flow:
    """The flow of one request: `make_request(n)`."""

    async def flow(client: Client, number: int) -> None:
        await client.ask(make_request(number))

    return flow


def get(path: str, headers: dict[str, str], host: str = "bench", **query: str) -> bytes:
    """The bytes of a GET request."""
    target = f"{path}?{urlencode(query)}" if query else path
    lines = [f"GET {target} HTTP/1.1", f"host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def post_json(path: str, headers: dict[str, str], **body: Any) -> bytes:
    """The bytes of a POST request with these fields."""
    return post(path, headers, json.dumps(body).encode())


def post(path: str, headers: dict[str, str], body: bytes, host: str = "bench") -> bytes:
    """The bytes of a POST request with a JSON body."""
    lines = [f"POST {path} HTTP/1.1", f"host: {host}", "content-type: application/json"]
    lines += [f"content-length: {len(body)}", *(f"{name}: {value}" for name, value in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
