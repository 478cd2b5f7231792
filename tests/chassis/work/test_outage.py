"""Work while processes are killed and the database goes away: all of it is done, and each bite once."""

import asyncio
import gc
import sys
import time
from collections.abc import Iterator

import pytest

from chassis.bus.connection import Bus
from chassis.bus.wakeups import WorkMessages
from chassis.mongo.unit import MongoUnits
from deploy.local.engines.engine import Engine
from tests.chassis.bus_given import QUEUE_SAFE_SECONDS, a_world, eventually
from tests.chassis.work.given import add, items, work_units
from tests.chassis.work.worker_process_given import BITES, SHORT, a_runner
from tests.waiting import stretched

CRATES = ("k1", "k2", "k3")


@pytest.fixture(autouse=True)
def dropped_sockets() -> Iterator[None]:
    """Collect what a test has dropped before the next one begins, which would be charged with it."""
    yield
    gc.collect()


async def notes(units: MongoUnits) -> int:
    return len(await units.database.collection("notes").find({"_id": {"$gt": ""}}))


async def in_the_middle(units: MongoUnits) -> None:
    async def some() -> bool:
        return await notes(units) >= 5

    await eventually(some)


async def all_shipped(units: MongoUnits) -> bool:
    return await items(units) == [] and await notes(units) == len(CRATES) * BITES


async def test_what_a_killed_process_had_begun_is_taken_up_where_it_stopped(
    mongodb_uri: str, database_name: str
) -> None:
    async with work_units(mongodb_uri, database_name) as units:
        for key in CRATES:
            await add(units, key, queue=SHORT)
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.chassis.work.worker_process_given", mongodb_uri, database_name
        )
        try:
            await in_the_middle(units)
        finally:
            process.kill()
            await process.wait()
        left = await items(units)
        assert left, "it was killed in the middle"
        assert any(item["progress"] for item in left)

        runner = a_runner(units, "other")
        await runner.start()
        try:
            await eventually(lambda: all_shipped(units), 60)
        finally:
            await runner.stop(1.0)


@pytest.mark.outage
async def test_work_goes_on_where_it_was_when_the_database_is_back(private_mongodb: Engine) -> None:
    async with work_units(private_mongodb.uri, "work", wait_seconds=1.0) as units:
        for key in CRATES:
            await add(units, key, queue=SHORT)
        runner = a_runner(units, "here")
        await runner.start()
        try:
            await in_the_middle(units)
            await asyncio.to_thread(private_mongodb.kill)
            await asyncio.to_thread(private_mongodb.restart)
            await eventually(lambda: all_shipped(units), 60)
        finally:
            await runner.stop(1.0)


@pytest.mark.outage
async def test_workers_go_on_without_the_broker_and_are_woken_again_when_it_is_back(
    mongodb_uri: str, database_name: str, private_rabbitmq: Engine
) -> None:
    woken: list[str] = []
    async with a_world(mongodb_uri, database_name, private_rabbitmq.uri, "") as world:
        relay = world.relay()
        await relay.start()
        bus = Bus(private_rabbitmq.uri, "test", "")
        await bus.start()
        messages = WorkMessages(bus, ["test.crates"], woken.append)
        await messages.start()
        await asyncio.wait_for(messages.up.wait(), stretched(30))
        made = time.monotonic()
        await eventually(lambda: time.monotonic() - made > QUEUE_SAFE_SECONDS)
        await asyncio.to_thread(private_rabbitmq.kill)
        await eventually(lambda: not messages.up.is_set())

        await add(world.units, "away", queue=SHORT)
        runner = a_runner(world.units, "here")
        await runner.start()
        await eventually(lambda: _nothing_left(world.units))
        await runner.stop(1.0)

        await asyncio.to_thread(private_rabbitmq.restart)
        await eventually(messages.up.is_set, 60)
        woken.clear()
        await add(world.units, "back", queue=SHORT)
        await eventually(lambda: "test.crates" in woken, 60)
        await messages.stop()
        await bus.stop()
        await relay.stop()


async def _nothing_left(units: MongoUnits) -> bool:
    return await items(units) == []
