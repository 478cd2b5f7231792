"""Under load, no call holds the event loop of any process longer than the limits say."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.holding import CALLER_SECONDS, held_buckets, longer
from tests.outages.customers import Customers
from tests.outages.readers import Readers
from tests.outages.world import World
from tests.waiting import cpu_stretched

pytestmark = pytest.mark.outage

PROCESSES = ("ops", "ics", "pmc", "slc", "visualgrid", "gateway")
CROWD = 4
HELD = 150


class Loops:
    """How often the loops of a stack's processes were held for how long, by what the processes measure."""

    def __init__(self, world: World) -> None:
        self._ports = {name: world.ports(name)["private"] for name in PROCESSES}

    async def read(self) -> dict[str, dict[float, float]]:
        """Per process and upper bound in seconds: how many looks found no longer hold than that."""
        async with aiohttp.ClientSession() as http:
            return {name: held_buckets(await _text(http, port)) for name, port in self._ports.items()}


async def _text(http: aiohttp.ClientSession, port: int) -> str:
    async with http.get(f"http://127.0.0.1:{port}/metrics") as answer:
        return await answer.text()


def test_holds_are_counted_between_two_readings() -> None:
    before = {0.005: 10.0, 0.025: 12.0, float("inf"): 12.0}
    after = {0.005: 15.0, 0.025: 18.0, float("inf"): 20.0}
    assert [longer(before, after, seconds) for seconds in (0.005, 0.006, 0.1)] == [3, 2, 0]


@asynccontextmanager
async def load(world: World, variants: list[str]) -> AsyncIterator[Customers]:
    """Customers who reserve and callers who read, within the block."""
    name = uuid.uuid4().hex[:8]
    customers = Customers(world.stack["GATEWAY_URL"] + "/ics/reservation/create", world.headers, variants, name)
    readers = Readers(world)
    tasks = [asyncio.create_task(customers.buy(CROWD)), asyncio.create_task(readers.read())]
    try:
        yield customers
    finally:
        customers.stop()
        readers.stop()
        await asyncio.gather(*tasks)
    assert readers.failed == []


async def test_no_call_holds_a_loop_under_load(world: World, variants: list[str]) -> None:
    loops = Loops(world)
    async with load(world, variants) as customers:
        await customers.until_held(CROWD)
        before = await loops.read()
        await customers.until_held(CROWD + HELD)
        after = await loops.read()

    limit = cpu_stretched(CALLER_SECONDS)
    held = {name: longer(before[name], after[name], limit) for name in PROCESSES}
    assert sum(sum(counts.values()) for counts in after.values()) > sum(sum(c.values()) for c in before.values())
    assert {name: count for name, count in held.items() if count} == {}
