"""A stack at rest: its processes leave the database alone, and still see within two seconds what happens."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic

import pytest
import pytest_asyncio
from pymongo import monitoring

from chassis.bus.listener import Listener
from chassis.event import SHARDS
from chassis.testing.client import ServiceClient
from services.ics.app import ICS
from tests.contract.services import OWN_SETTINGS, SERVICES
from tests.gateway.stack import a_stack
from tests.running import Engines
from tests.waiting import until, within

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECONDS = 30.0
COMMANDS_MAX = {"gateway": 30, "visualgrid": 25, "pmc": 35, "ics": 40, "ops": 45, "slc": 70}
"""Commands of each process to the database within `SECONDS`. The relay alone, which keeps its leases, needs 13."""

SEEN_SECONDS = 2.0
DOWN_SECONDS = 60.0


class Commands(monitoring.CommandListener):
    """Counts the commands of all clients that connect from now on, by database."""

    def __init__(self) -> None:
        self.by_database: Counter[str] = Counter()
        self.latest = 0.0

    def started(self, event: monitoring.CommandStartedEvent) -> None:
        """One more; those of drivers among themselves are not reported."""
        self.by_database[event.database_name] += 1
        self.latest = monotonic()

    def succeeded(self, event: monitoring.CommandSucceededEvent) -> None:
        """Counted already."""

    def failed(self, event: monitoring.CommandFailedEvent) -> None:
        """Counted already."""


COMMANDS = Commands()
monitoring.register(COMMANDS)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(engines: Engines, amqp_url: str, mongodb_uri: str) -> AsyncIterator[dict[str, ServiceClient]]:
    """Every service and the gateway, each with a database named after it."""
    async with AsyncExitStack() as running:
        prefix = f"{engines.name}."
        engine = "embedded" if engines.mongodb_engine == "embedded" else ""
        await running.enter_async_context(
            a_stack(mongodb_uri, f"{engines.name}gateway", amqp_url, AMQP_PREFIX=prefix, MONGODB_ENGINE=engine)
        )
        yield {
            name: await running.enter_async_context(engines.serve(service, name, **OWN_SETTINGS.get(name, {})))
            for name, service in SERVICES.items()
        }


async def test_a_process_at_rest_asks_the_database_little(stack: dict[str, ServiceClient], engines: Engines) -> None:
    names = [f"{engines.name}{name}" for name in COMMANDS_MAX]
    # What a start does is over when nothing is asked for a while.
    await until(lambda: monotonic() - COMMANDS.latest > 1.0, 60.0)
    before = Counter({name: COMMANDS.by_database[name] for name in names})
    await asyncio.sleep(SECONDS)  # no wait: the time over which is counted
    asked = {name: COMMANDS.by_database[place] - before[place] for name, place in zip(COMMANDS_MAX, names, strict=True)}

    assert all(asked.values()), asked
    assert {name: count for name, count in asked.items() if count > COMMANDS_MAX[name]} == {}


@asynccontextmanager
async def listening(client: ServiceClient) -> AsyncIterator[Listener]:
    """A subscriber to the events about zones."""
    listener = client.application.runtime.queue_admin.listen(["ics.zone.created"])
    await listener.start(DOWN_SECONDS)
    try:
        yield listener
    finally:
        await listener.stop()


async def test_an_event_is_seen_at_once_by_a_stack_at_rest(stack: dict[str, ServiceClient]) -> None:
    async with listening(stack["slc"]) as listener:
        created = await stack["ics"].post("/zone/create", code="REST")
        assert created.status == 200, created
        async with within(SEEN_SECONDS):
            seen = await anext(aiter(listener))

    assert seen.subject == created.data["zone"]["zone_id"]


async def test_an_event_in_the_share_of_another_replica_is_seen_as_well(
    stack: dict[str, ServiceClient], engines: Engines
) -> None:
    async with engines.serve(ICS, "ics", replica="second") as second:
        first = stack["ics"]
        relays = [client.application.runtime.relay for client in (first, second)]
        await until(lambda: all(relay is not None and relay.stats.shards == SHARDS // 2 for relay in relays), 60.0)
        async with listening(stack["slc"]) as listener:
            created = [await second.post("/zone/create", code=f"SHARE-{number}") for number in range(8)]
            events = aiter(listener)
            async with within(SEEN_SECONDS):
                seen = [(await anext(events)).subject for _ in created]

    assert sorted(seen) == sorted(answer.data["zone"]["zone_id"] for answer in created)
