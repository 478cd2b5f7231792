"""The hop on aiohttp's own client: twice the price of the lean one, and nothing but public API."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import (
    ClientConnectionError,
    ClientConnectorError,
    ClientError,
    ClientPayloadError,
    ClientResponse,
    ClientSession,
    ClientTimeout,
    DummyCookieJar,
    TCPConnector,
)
from yarl import URL

from gateway.hop.balance import Replica
from gateway.hop.port import BUFFER_BYTES_MAX, Ask, Broken, Headers, HopFailed, Refused, Source, TimedOut

_OWN_HEADERS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")


class SessionAnswer:
    """An answer of aiohttp's client."""

    __slots__ = ("_response", "_seconds", "body", "headers", "length", "reason", "status")

    def __init__(self, response: ClientResponse, seconds: float) -> None:
        self.status = response.status
        self.reason = response.reason or ""
        self.headers: Headers = response.raw_headers
        self.length = response.content_length
        self.body: bytes | None = None
        self._response = response
        self._seconds = seconds

    async def take_in(self) -> None:
        """Read the body now if it is there already or known to be small."""
        small = self.length is not None and self.length <= BUFFER_BYTES_MAX
        if small or self._response.content.is_eof():
            self.body = await _failing(self._response.read(), self._seconds)
            self._response.release()

    async def chunk(self) -> bytes:
        data: bytes = await _failing(self._response.content.readany(), self._seconds)
        return data

    def close(self) -> None:
        if self._response.content.is_eof():
            self._response.release()
        else:
            self._response.close()


class SessionHop:
    """The hop itself: one client session for all replicas."""

    def __init__(self, *, connections_max: int, idle_seconds: float, connect_seconds: float) -> None:
        self._connector = TCPConnector(limit=0, limit_per_host=connections_max, keepalive_timeout=idle_seconds)
        self._connect_seconds = connect_seconds
        self._session = ClientSession(
            connector=self._connector,
            auto_decompress=False,
            cookie_jar=DummyCookieJar(),
            skip_auto_headers=_OWN_HEADERS,
            raise_for_status=False,
        )

    async def ask(self, replica: Replica, ask: Ask) -> SessionAnswer:
        headers: list[tuple[str, str]] = [
            (name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in ask.headers
        ]
        data: Any = ask.body or None
        if ask.stream is not None:
            data = _chunks(ask.stream)
            if ask.length is not None:
                headers.append(("Content-Length", str(ask.length)))
        response = await _failing(
            self._session.request(
                ask.method,
                URL(f"http://{replica.authority}{ask.target}", encoded=True),
                headers=headers,
                data=data,
                allow_redirects=False,
                timeout=ClientTimeout(total=None, connect=self._connect_seconds),
            ),
            ask.seconds if ask.stream is None else None,
        )
        answer = SessionAnswer(response, ask.stream_seconds)
        try:
            await answer.take_in()
        except BaseException:
            response.close()
            raise
        return answer

    async def close(self) -> None:
        await self._session.close()


async def _chunks(source: Source) -> AsyncIterator[bytes]:
    while part := await source.readany():
        yield part


async def _failing(waited_for: Any, seconds: float | None) -> Any:
    """The result of a coroutine of the client's, its failures in our words."""
    failure: HopFailed
    try:
        async with asyncio.timeout(seconds):
            return await waited_for
    except ClientConnectorError as refused:
        failure = Refused(f"no connection: {refused.strerror or type(refused).__name__}")
    except TimeoutError:
        failure = TimedOut("no answer in time")
    except (ClientPayloadError, ClientConnectionError, ClientError, OSError) as broken:
        failure = Broken(type(broken).__name__)
    raise failure from None
