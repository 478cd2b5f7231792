"""A web server of the test, the client that calls it, and answers in turn."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.web import BaseRequest

from chassis.outgoing.addresses import AddressPolicy
from chassis.outgoing.client import HttpClient
from chassis.outgoing.message import OutgoingFailed
from chassis.outgoing.retries import RetryRules
from chassis.telemetry.metrics import Metrics

Handler = Callable[[BaseRequest], Awaitable[web.StreamResponse]]
FAST = RetryRules(base_seconds=0.001)


class Site:
    """A server, and the requests it has seen."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, request: BaseRequest) -> web.StreamResponse:
        self.seen.append((request.method, request.path_qs, dict(request.headers), await request.content.read()))
        return await self.handler(request)


@asynccontextmanager
async def a_site(handler: Handler) -> AsyncIterator[Site]:
    site = Site(handler)
    server = web.Server(site.serve)
    listener = await asyncio.get_running_loop().create_server(server, "127.0.0.1", 0)
    site.port = listener.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        listener.close()
        await server.shutdown(0.1)


@asynccontextmanager
async def a_client(*, allow: str = "127.0.0.0/8", **options: Any) -> AsyncIterator[HttpClient]:
    client = HttpClient(Metrics(), AddressPolicy([allow]), **{"rules": FAST, **options})
    try:
        yield client
    finally:
        await client.close()


async def agree(_: BaseRequest) -> web.StreamResponse:
    return web.json_response({"ok": True})


def in_turn(*answers: web.Response) -> Handler:
    left = list(answers)

    async def answer(_: BaseRequest) -> web.StreamResponse:
        return left.pop(0)

    return answer


async def failed(awaitable: Awaitable[Any]) -> OutgoingFailed:
    with pytest.raises(OutgoingFailed) as failure:
        await awaitable
    return failure.value
