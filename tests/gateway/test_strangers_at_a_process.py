"""What a caller who is not signed in may cost a gateway that runs as a process of its own, by its own watchdog."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import cast

import pytest_asyncio

from tests.gateway.given import connected, read_reply, request
from tests.gateway.process import Door, a_gateway_process
from tests.gateway.test_documents import a_service
from tests.holding import STRANGER_SECONDS, held_buckets, longer
from tests.waiting import cpu_stretched, until, within
from tests.worst import KIB, MIB, bodies, heads, in_small_chunks, named, pipelined

SERVICES = ("ops", "ics", "pmc", "slc", "visualgrid")
TARGETS = ("/ics/zone/create", "/visualgrid/root/auth", "/slc", "/mcp", "/slc/webhooks/shopify")
READS = ("/docs", "/asyncapi.json", "/asyncapi.yaml", "/ics/openapi.yaml", "/mcp/ics/tools.json", "/ops/ping")
PIPELINED = 200
ANSWER_SECONDS = 30.0
LOOK_SECONDS = 5.0


@pytest_asyncio.fixture
async def door(mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str) -> AsyncIterator[Door]:
    """A gateway in front of every service. All serve their real documents."""
    upstreams = {name: a_service(name) for name in SERVICES}
    for upstream in upstreams.values():
        await upstream.start()
    places = {f"{name.upper()}_HTTP": upstream.address for name, upstream in upstreams.items()}
    try:
        async with a_gateway_process(mongodb_uri, database_name, amqp_url, bus_prefix, **places) as door:
            yield door
    finally:
        for upstream in upstreams.values():
            await upstream.stop()


def requests() -> Iterator[tuple[str, bytes, int]]:
    """The worst requests: what each is, its bytes, and how many answers it gets."""
    for target in READS:
        yield f"GET {target}", request("GET", target), 1
    for number, head in enumerate(heads()):
        yield f"head {number}", head, 1
    for place, (kind, content) in enumerate(bodies(MIB - 64).items()):
        target = TARGETS[place % len(TARGETS)]
        yield f"{kind} to {target}", request("POST", target, {}, named("x", content)), 1
        yield f"{kind} to /mcp", request("POST", "/mcp", {}, named("params", content)), 1
    small = bodies(60 * KIB)
    for kind, content in small.items():
        call = (
            b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"ics_zone_create","arguments":{"a":%b}}}'
            % content
        )
        yield f"{kind} to a tool", request("POST", "/mcp", {}, call), 1
    yield "small chunks", in_small_chunks("/ics/zone/create", 100 * KIB), 1
    yield "pipelined", pipelined("/nowhere", PIPELINED), PIPELINED


async def put(door: Door, raw: bytes, answers: int) -> list[int]:
    """The statuses of the answers to a request. It may be answered before it is read to its end."""
    async with within(ANSWER_SECONDS), connected(door.http) as (reader, writer):
        writer.write(raw)
        return [(await read_reply(reader)).status for _ in range(answers)]


async def looked_since(door: Door, before: Mapping[float, float]) -> dict[float, float]:
    """The holds that were found, once the watchdog has looked again."""

    async def look() -> dict[float, float]:
        after = held_buckets(await door.metrics())
        return after if sum(after.values()) > sum(before.values()) else {}

    return cast("dict[float, float]", await until(look, LOOK_SECONDS))


async def test_no_request_of_a_stranger_holds_the_loop_of_a_process(door: Door) -> None:
    await put(door, request("GET", "/docs"), 1)
    limit = cpu_stretched(STRANGER_SECONDS)
    held: dict[str, int] = {}
    for what, raw, answers in requests():
        before = held_buckets(await door.metrics())
        statuses = await put(door, raw, answers)
        assert all(status < 500 for status in statuses), (what, statuses)
        after = await looked_since(door, before)
        if count := longer(before, after, limit):
            held[what] = count

    assert held == {}
