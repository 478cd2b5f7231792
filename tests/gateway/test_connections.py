"""What connections cost that send slowly, read slowly, or do nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from aiohttp import web
from aiohttp.web_request import BaseRequest

from gateway.http import body as bodies
from gateway.http import server
from tests import waiting
from tests.gateway.given import (
    DEADLINE_SECONDS,
    SIGNED_IN,
    House,
    Upstream,
    a_house,
    connected,
    read_reply,
    request,
    until,
)

POST = request("POST", "/ics/x", {**SIGNED_IN, "Content-Length": "20", "Content-Type": "application/json"})
LARGE = 24 * 1024 * 1024
"""More than the kernel keeps for a connection."""


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callers are given much less time than usual."""
    monkeypatch.setattr(server, "HEAD_SECONDS", 0.05)
    monkeypatch.setattr(server, "UNREAD_SECONDS", 0.2)
    monkeypatch.setattr(server, "SWEEP_SECONDS", 0.02)
    monkeypatch.setattr(bodies, "GRACE_SECONDS", 0.05)


async def is_closed(reader: asyncio.StreamReader) -> bool:
    async with waiting.within(DEADLINE_SECONDS):
        try:
            while await reader.read(65536):
                pass
        except ConnectionError:
            pass
    return True


async def test_bodies_that_do_not_arrive_keep_no_caller_out() -> None:
    async with a_house(IN_FLIGHT_MAX="8", IN_FLIGHT_RESERVE="2") as house, AsyncExitStack() as stack:
        for _ in range(20):
            _, writer = await stack.enter_async_context(connected(house.port))
            writer.write(POST + b"{")
        await until(lambda: house.entrance._server is not None and house.entrance._server.connected.taken >= 20)
        replies = [await house.get("/ics/zone/list") for _ in range(3)]

    assert [reply.status for reply in replies] == [200] * 3


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("sent", [b"G", b"GET /ics/zone/list HTTP/1.1\r\nHost: a\r\nX-A: "])
async def test_a_head_that_does_not_end_closes_its_connection(sent: bytes) -> None:
    async with a_house() as house, connected(house.port) as (reader, writer):
        writer.write(sent)
        assert await is_closed(reader)


@pytest.mark.usefixtures("hurried")
async def test_a_body_that_comes_too_slowly_is_refused() -> None:
    async with a_house() as house, connected(house.port) as (reader, writer):
        writer.write(POST + b"{")
        reply = await read_reply(reader)

    assert (reply.status, reply.error_code) == (400, "ics.validation_failed")
    assert house.ics.seen == []


async def test_connections_over_the_limits_are_closed_at_once() -> None:
    async with a_house(ADDRESS_CONNECTIONS_MAX="3") as house, AsyncExitStack() as stack:
        kept = [await stack.enter_async_context(connected(house.port)) for _ in range(3)]
        await until(lambda: house.entrance._server is not None and house.entrance._server.connected.taken == 3)
        reader, _ = await stack.enter_async_context(connected(house.port))
        assert await is_closed(reader)
        reader, writer = kept[0]
        writer.write(request("GET", "/ics/zone/list", SIGNED_IN))
        assert (await read_reply(reader)).status == 200


@asynccontextmanager
async def a_house_of_large_answers() -> AsyncIterator[House]:
    async def large(_: BaseRequest, __: bytes) -> web.StreamResponse:
        return web.Response(body=b"x" * LARGE, content_type="application/octet-stream")

    async with a_house(upstreams={"ics": Upstream(large)}) as house:
        yield house


@pytest.mark.usefixtures("hurried")
async def test_an_answer_that_is_not_read_is_cut_off() -> None:
    async with a_house_of_large_answers() as house, connected(house.port) as (_, writer):
        writer.write(request("GET", "/ics/zone/list", SIGNED_IN))
        [slots] = [house.entrance._server.unread] if house.entrance._server else []
        await until(lambda: slots.taken == 1)
        await until(lambda: slots.taken == 0)
        await until(lambda: house.entrance.pipeline.admission.in_flight == 0)
        # The service is no longer kept waiting either.
        await until(lambda: house.ics.running == 0)


async def test_unread_answers_of_one_address_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.limits.limits.UNREAD_OF_ADDRESS_MAX", 2)
    async with a_house_of_large_answers() as house, AsyncExitStack() as stack:
        readers = []
        for _ in range(4):
            reader, writer = await stack.enter_async_context(connected(house.port))
            writer.write(request("GET", "/ics/zone/list", SIGNED_IN))
            readers.append(reader)
        assert house.entrance._server is not None
        slots = house.entrance._server.unread
        await until(lambda: slots.refused == 2)
        await until(lambda: slots.taken == 2)
