import asyncio

import aiohttp
import pytest
from aiohttp import web
from aiohttp.web import BaseRequest

from chassis.http.server import HttpServer
from tests.waiting import stretched


def explain(status: int) -> web.Response:
    return web.Response(status=status)


async def test_a_stop_waits_for_what_is_under_way() -> None:
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_: BaseRequest) -> web.Response:
        entered.set()
        await go_on.wait()
        return web.Response(text="done")

    server = HttpServer("127.0.0.1", 0, slow, explain)
    port = await server.start()
    async with aiohttp.ClientSession() as session:
        asked = asyncio.create_task(session.get(f"http://127.0.0.1:{port}/"))
        await entered.wait()
        stopping = asyncio.create_task(server.stop(10.0))
        await asyncio.sleep(0)
        go_on.set()
        answer = await asked
        assert await answer.text() == "done"
        assert answer.headers["Connection"] == "close"
        await asyncio.wait_for(stopping, stretched(10.0))


async def test_a_stop_cuts_off_what_takes_too_long() -> None:
    entered = asyncio.Event()

    async def endless(_: BaseRequest) -> web.Response:
        entered.set()
        await asyncio.Event().wait()
        raise AssertionError

    server = HttpServer("127.0.0.1", 0, endless, explain)
    port = await server.start()
    async with aiohttp.ClientSession() as session:
        asked = asyncio.create_task(session.get(f"http://127.0.0.1:{port}/"))
        await entered.wait()
        await asyncio.wait_for(server.stop(0.1), stretched(10))
        with pytest.raises(aiohttp.ClientError):
            await asked


async def test_a_port_that_is_taken_is_told() -> None:
    async def never(_: BaseRequest) -> web.Response:
        return web.Response()

    first = HttpServer("127.0.0.1", 0, never, explain)
    port = await first.start()
    with pytest.raises(OSError, match="address already in use"):
        await HttpServer("127.0.0.1", port, never, explain).start()
    await first.stop(1.0)


async def test_a_connection_is_kept_and_let_go_when_the_server_stops() -> None:
    async def quick(_: BaseRequest) -> web.Response:
        return web.Response(text="x")

    server = HttpServer("127.0.0.1", 0, quick, explain)
    port = await server.start()
    async with aiohttp.ClientSession() as session:
        for _ in range(3):
            async with session.get(f"http://127.0.0.1:{port}/") as answer:
                assert await answer.text() == "x"
        assert server.connections == 1
        await asyncio.wait_for(server.stop(1000.0), stretched(5))
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(f"http://127.0.0.1:{port}/")
