"""Two replicas of every service, restarted one after the other under load, as an upgrade does: no call fails."""

import asyncio
import uuid
from collections.abc import Iterator, Mapping

import aiohttp
import pytest

from tests.engines import Room
from tests.outages.customers import Customers
from tests.outages.world import World

pytestmark = pytest.mark.outage

SERVICES = ("ops", "ics", "pmc", "slc", "visualgrid")
CROWD = 4
DRAIN_SECONDS = 1
# A call of each service that only reads; stock is reserved meanwhile.
READS: Mapping[str, tuple[str, str, dict[str, object]]] = {
    "ops": ("POST", "/ops/maintenance/list", {}),
    "ics": ("POST", "/ics/stock/list", {}),
    "pmc": ("GET", "/pmc/pack/list", {}),
    "slc": ("POST", "/slc", {"action": "channel/list"}),
    "visualgrid": ("GET", "/visualgrid/ping", {}),
}


@pytest.fixture
def pair(room: Room) -> Iterator[World]:
    """A stack of its own, with two replicas of every service."""
    stack = World(room.folder / "pair")
    stack.environment["DRAIN_SECONDS"] = str(DRAIN_SECONDS)
    try:
        stack.up(",".join(f"{service}=2" for service in SERVICES))
        yield stack
    finally:
        stack.down()


class Readers:
    """Callers that read from every service in turn, and note each answer that is not a good one."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stopped = False
        self.answered = 0
        self.failed: list[str] = []

    async def read(self) -> None:
        """Call one service after the other until `stop`."""
        async with aiohttp.ClientSession(self._world.stack["GATEWAY_URL"], headers=self._world.headers) as http:
            while not self._stopped:
                for service, (method, path, body) in READS.items():
                    await self._call(http, service, method, path, body)
                await asyncio.sleep(0.02)

    def stop(self) -> None:
        """Let everyone finish the call in hand."""
        self._stopped = True

    async def _call(
        self, http: aiohttp.ClientSession, service: str, method: str, path: str, body: dict[str, object]
    ) -> None:
        try:
            async with http.request(method, path, json=body if method == "POST" else None) as answer:
                await answer.read()
        except (aiohttp.ClientError, OSError) as problem:
            self.failed.append(f"{service}: {problem!r}")
            return
        self.answered += 1
        if answer.status != 200:
            self.failed.append(f"{service}: {answer.status}")


async def test_a_rolling_restart_fails_no_call(pair: World) -> None:
    variants = [f"ROLL-{uuid.uuid4().hex[:8]}"]
    await pair.call("/ics/stock/policy/set", variant_id=variants[0], qc="skip")
    await pair.call("/ics/receive/record", lines=[{"variant_id": variants[0], "quantity": 100_000}])
    customers = Customers(pair.stack["GATEWAY_URL"] + "/ics/reservation/create", pair.headers, variants, "roll")
    readers = Readers(pair)
    load = [asyncio.create_task(customers.buy(CROWD)), asyncio.create_task(readers.read())]

    for service in SERVICES:
        for name in (service, f"{service}-2"):
            await asyncio.to_thread(pair.stop, name)
            await asyncio.to_thread(pair.start, name)
            held = sum(bool(piece.reservation_id) for piece in customers.pieces)
            await customers.until_held(held + 10)

    customers.stop()
    readers.stop()
    await asyncio.gather(*load)
    refused = [told for piece in customers.pieces for told in piece.told]
    assert readers.answered > 10 * len(SERVICES)
    assert sorted(set(refused + readers.failed)) == []
