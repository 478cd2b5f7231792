"""Two replicas of every service under load: restarted one after the other, taken away and brought back, exchanged for
another build and back again. No call fails.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from tests.engines import Room
from tests.outages.customers import Customers
from tests.outages.readers import Readers
from tests.outages.world import World
from tests.waiting import until

pytestmark = pytest.mark.outage

SERVICES = ("ops", "ics", "pmc", "slc", "visualgrid")
CROWD = 4
DRAIN_SECONDS = 1
SHARE_SECONDS = 10.0
"""How soon a replica that is new, or back, has its share of the calls."""

REQUESTS = "retailstack_http_requests_total{"


@pytest.fixture(scope="module")
def pair(room: Room) -> Iterator[World]:
    """A stack of its own, with two replicas of every service."""
    stack = World(room.folder / "pair")
    stack.environment["DRAIN_SECONDS"] = str(DRAIN_SECONDS)
    try:
        stack.up(",".join(f"{service}=2" for service in SERVICES))
        yield stack
    finally:
        stack.down()


class Load:
    """Customers who reserve, and readers of every service."""

    def __init__(self, customers: Customers, readers: Readers) -> None:
        self.customers = customers
        self.readers = readers

    async def goes_on(self) -> None:
        """Wait until ten more pieces are reserved."""
        held = sum(bool(piece.reservation_id) for piece in self.customers.pieces)
        await self.customers.until_held(held + 10)


@asynccontextmanager
async def load(world: World) -> AsyncIterator[Load]:
    """Load within the block; fails if a call did."""
    variants = [f"ROLL-{uuid.uuid4().hex[:8]}"]
    await world.call("/ics/stock/policy/set", variant_id=variants[0], qc="skip")
    await world.call("/ics/receive/record", lines=[{"variant_id": variants[0], "quantity": 100_000}])
    url = world.stack["GATEWAY_URL"] + "/ics/reservation/create"
    customers = Customers(url, world.headers, variants, uuid.uuid4().hex[:8])
    readers = Readers(world)
    tasks = [asyncio.create_task(customers.buy(CROWD)), asyncio.create_task(readers.read())]
    try:
        yield Load(customers, readers)
    finally:
        customers.stop()
        readers.stop()
        await asyncio.gather(*tasks)
    refused = [told for piece in customers.pieces for told in piece.told]
    assert readers.answered > 10 * len(SERVICES)
    assert sorted(set(refused + readers.failed)) == []


async def test_a_rolling_restart_fails_no_call(pair: World) -> None:
    async with load(pair) as under_load:
        for service in SERVICES:
            for name in (service, f"{service}-2"):
                await asyncio.to_thread(pair.stop, name)
                await asyncio.to_thread(pair.start, name)
                await under_load.goes_on()


async def answered_by(world: World, name: str) -> float:
    """How many HTTP requests a process has answered since its start."""
    port = world.ports(name)["private"]
    async with aiohttp.ClientSession() as http, http.get(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(REQUESTS))


async def test_scaling_down_and_up_fails_no_call_and_a_new_replica_has_its_share(pair: World) -> None:
    async with load(pair) as under_load:
        for service in SERVICES:
            await asyncio.to_thread(pair.stop, f"{service}-2")
        await under_load.goes_on()
        for service in SERVICES:
            await asyncio.to_thread(pair.start, f"{service}-2")

            async def has_its_share(name: str = f"{service}-2") -> bool:
                return await answered_by(pair, name) > 2

            await until(has_its_share, SHARE_SECONDS, f"{service}-2 is asked nothing")
        await under_load.goes_on()


async def builds_of(world: World, calls: int = 20) -> set[str]:
    """The builds of ICS that answer."""
    found = set()
    async with aiohttp.ClientSession(world.stack["GATEWAY_URL"], headers=world.headers) as http:
        for _ in range(calls):
            async with http.post("/ics/stock/list", json={}) as answer:
                found.add(str((await answer.json())["stats"]["build"]["build_id"]))
    return found


async def exchange(world: World, replicas: list[str], build: str, under_load: Load) -> None:
    """Stop these one after the other, and start each again as another build."""
    world.environment["BUILD_ID"] = build
    for name in replicas:
        await asyncio.to_thread(world.stop, name)
        await asyncio.to_thread(world.start, name)
        await under_load.goes_on()


async def test_an_upgrade_that_is_rolled_back_fails_no_call(pair: World) -> None:
    seconds = [f"{service}-2" for service in SERVICES]
    async with load(pair) as under_load:
        await exchange(pair, ["ics", "ics-2"], "old", under_load)
        assert await builds_of(pair) == {"old"}
        await exchange(pair, seconds, "new", under_load)

        async def both_serve() -> bool:
            return await builds_of(pair) == {"old", "new"}

        await until(both_serve, SHARE_SECONDS, "only one build serves while an upgrade is under way")
        await exchange(pair, seconds, "old", under_load)
        assert await builds_of(pair) == {"old"}
