"""A client that writes requests as bytes onto its own connections, for half the CPU time of aiohttp's client."""

import asyncio
from contextlib import suppress
from typing import Any

from aiohttp import StreamReader
from aiohttp.client_exceptions import ClientPayloadError
from aiohttp.http import RawResponseMessage

from gateway.upstream.balance import Replica
from gateway.upstream.connection import Connection, Head
from gateway.upstream.pool import Pool
from gateway.upstream.port import BUFFER_BYTES_MAX, ConnectionBroken, Headers, UpstreamRequest, UpstreamTimeout


class RawResponse:
    """A response on one of the client's connections."""

    __slots__ = ("_connection", "_payload", "_seconds", "body", "headers", "length", "reason", "status")

    def __init__(
        self, message: RawResponseMessage, payload: StreamReader, connection: Connection, seconds: float
    ) -> None:
        self.status = message.code
        self.reason = message.reason
        self.headers: Headers = message.raw_headers
        self.body: bytes | None = None
        length = message.headers.get("Content-Length")
        self.length = int(length) if length is not None and length.isdigit() else None
        self._payload = payload
        self._connection = connection
        self._seconds = seconds

    async def take_in(self) -> None:
        """Read the body now if it has arrived or is known to be small."""
        payload = self._payload
        if payload.is_eof():
            self.body = payload.read_nowait()
        elif self.length is not None and self.length <= BUFFER_BYTES_MAX:
            parts = []
            while part := await self.chunk():
                parts.append(part)
            self.body = b"".join(parts)
        else:
            return
        self._connection.release()

    async def chunk(self) -> bytes:
        try:
            if not self._payload.is_eof() and not self._payload._buffer:
                async with asyncio.timeout(self._seconds):
                    return await self._payload.readany()
            return await self._payload.readany()
        except TimeoutError:
            raise UpstreamTimeout("the answer stood still") from None
        except ClientPayloadError:
            raise ConnectionBroken("the answer ended too early") from None

    def close(self) -> None:
        self._connection.release()


class RawClient:
    """Sends requests over pooled connections, one pool per replica."""

    def __init__(self, *, connections_max: int, idle_seconds: float, connect_seconds: float) -> None:
        self._limits = (connections_max, idle_seconds, connect_seconds)
        self._pools: list[Pool] = []

    async def ask(self, replica: Replica, request: UpstreamRequest) -> RawResponse:
        pool: Pool = replica.pool or self._pool_of(replica)
        head = head_of(request, replica.authority)
        connection = pool.take_idle()
        used_before = connection is not None
        if connection is None:
            connection = await pool.take()
        try:
            return await self._exchange(connection, head, request)
        except ConnectionBroken:
            # The replica closed the idle connection just when it was taken, so it has received nothing.
            if not (used_before and request.safe and not connection.answered):
                raise
        connection = await pool.take(fresh=True)
        return await self._exchange(connection, head, request)

    async def close(self) -> None:
        for pool in self._pools:
            pool.close()

    def _pool_of(self, replica: Replica) -> Pool:
        pool = Pool(replica, *self._limits)
        replica.pool = pool
        self._pools = [each for each in self._pools if not each.ended]
        self._pools.append(pool)
        return pool

    async def _exchange(self, connection: Connection, head: bytes, request: UpstreamRequest) -> RawResponse:
        try:
            if request.stream is None:
                data = head + request.body if request.body else head
                message, payload = await connection.send(
                    data, head_only=request.method == "HEAD", seconds=request.seconds
                )
            else:
                message, payload = await self._streamed(connection, head, request)
            answer = RawResponse(message, payload, connection, request.stream_seconds)
            await answer.take_in()
        except BaseException:
            # Cancelled, broken or timed out: what may still arrive will not be read.
            connection.abort()
            raise
        return answer

    async def _streamed(self, connection: Connection, head: bytes, request: UpstreamRequest) -> Head:
        """Send head and body while waiting for the answer, which may arrive before the body's end."""
        waiter = connection.send(head, head_only=request.method == "HEAD", seconds=request.stream_seconds)
        writing = asyncio.ensure_future(_write_body(connection, request))
        try:
            both: set[asyncio.Future[Any]] = {waiter, writing}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not waiter.done():
                writing.result()  # raises if the caller stopped within the body
                return await waiter
            if not writing.done():
                connection.spoil()
            return waiter.result()
        finally:
            writing.cancel()
            with suppress(asyncio.CancelledError, Exception):
                await writing


async def _write_body(connection: Connection, request: UpstreamRequest) -> None:
    assert request.stream is not None
    chunked = request.length is None
    while True:
        async with asyncio.timeout(request.stream_seconds):
            data = await request.stream.readany()
        if not data:
            break
        await connection.write(b"%x\r\n%b\r\n" % (len(data), data) if chunked else data, request.stream_seconds)
    if chunked:
        await connection.write(b"0\r\n\r\n", request.seconds)
    connection.give_time(request.seconds)


def head_of(request: UpstreamRequest, authority: str) -> bytes:
    """The head of a request as bytes."""
    lines = [f"{request.method} {request.target} HTTP/1.1\r\nHost: {authority}\r\n".encode("utf-8", "surrogateescape")]
    lines += [b"%b: %b\r\n" % pair for pair in request.headers]
    if request.stream is None:
        if request.body or request.method in {"POST", "PUT", "PATCH", "DELETE"}:
            lines.append(b"Content-Length: %d\r\n" % len(request.body or b""))
    elif request.length is None:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    else:
        lines.append(b"Content-Length: %d\r\n" % request.length)
    lines.append(b"\r\n")
    return b"".join(lines)
