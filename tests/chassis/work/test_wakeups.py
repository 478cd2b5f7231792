"""Other processes start new work at once by a message of the broker, and without the broker by polling."""

import asyncio
from contextlib import AsyncExitStack

from chassis.bus.connection import Bus
from chassis.bus.wakeups import WorkMessages
from chassis.unit import Units
from chassis.work.handle import Work
from tests.chassis.bus_given import a_world, eventually
from tests.chassis.work.given import Crate, a_queue, add, work_units
from tests.chassis.work.running import a_worker, running
from tests.waiting import stretched


async def test_another_process_is_woken_at_once_by_the_outbox(
    mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str
) -> None:
    done = asyncio.Event()

    async def ship(_: Units, work: Work[Crate]) -> None:
        done.set()

    async with AsyncExitStack() as stack:
        world = await stack.enter_async_context(a_world(mongodb_uri, database_name, amqp_url, bus_prefix))
        relay = world.relay()
        await relay.start()
        # The others poll once a minute, and know nothing of the first process's commits.
        others = await stack.enter_async_context(work_units(mongodb_uri, database_name))
        runner = await stack.enter_async_context(running(others, a_worker(a_queue(), ship)))
        bus = Bus(amqp_url, "test", bus_prefix)
        await bus.start()
        stack.push_async_callback(bus.stop)
        messages = WorkMessages(bus, list(runner.queues), runner.wake)
        await messages.start()
        stack.push_async_callback(messages.stop)
        await asyncio.wait_for(messages.up.wait(), stretched(30))
        await add(world.units, "k1")
        await asyncio.wait_for(done.wait(), stretched(20))

        async def no_message_left() -> bool:
            return await world.database.collection("events").find({"_id": {"$gt": ""}}) == []

        await eventually(no_message_left)
        await relay.stop()


async def test_polling_alone_suffices_while_the_broker_is_away(mongodb_uri: str, database_name: str) -> None:
    done = asyncio.Event()

    async def ship(_: Units, work: Work[Crate]) -> None:
        done.set()

    async with (
        work_units(mongodb_uri, database_name) as one,
        work_units(mongodb_uri, database_name) as two,
        running(two, a_worker(a_queue(), ship), poll_seconds=0.2),
    ):
        await add(one, "k1")
        await asyncio.wait_for(done.wait(), stretched(30))
