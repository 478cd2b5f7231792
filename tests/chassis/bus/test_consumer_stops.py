"""A consumer stops while most messages fail, in a maintenance window, for a vacuumed org, and with its process."""

import asyncio

from chassis.bus.breaker import Breaker
from chassis.bus.queue_admin import QueueAdmin
from chassis.bus.subscription import Subscription
from chassis.clock import later
from chassis.consumer import Consumers, Event, Retry
from chassis.gate import GateWindow
from chassis.unit import Change, Units
from tests.chassis.bus_given import World, eventually, forget
from tests.chassis.consumer_given import a_consumer, consuming, copy


async def test_a_consumer_that_mostly_fails_stops_and_goes_on_once_a_probe_succeeds(world: World) -> None:
    broken = True

    async def work(change: Change, event: Event) -> None:
        if broken:
            raise Retry("the other side is down")

    subscription = Subscription(
        a_consumer(work, tries_max=10_000, delays=(0.05,)),
        world.bus,
        world.units,
        world.clock,
        world.gate,
        breaker=Breaker(10, 5),
        probe_seconds=0.2,
    )
    relay = world.relay()
    await subscription.start()
    await relay.start()
    await eventually(lambda: subscription._executor is not None)
    try:
        await asyncio.gather(*(world.write(f"note-{n}", ["1"]) for n in range(10)))
        await eventually(lambda: subscription.stats.state == "stopped")
        failures = subscription.stats.later
        await eventually(lambda: subscription.stats.later > failures)
        assert a_state(subscription) == "stopped"
        broken = False
        await eventually(lambda: subscription.stats.handled == 10)
        assert a_state(subscription) == "running"
    finally:
        await relay.stop()
        await subscription.stop()
        await forget(world.bus, *(queue.name for queue in subscription.queues.all))


def a_state(subscription: Subscription) -> str:
    """The state of a consumer now."""
    return subscription.stats.state


async def test_during_a_maintenance_window_messages_stay_in_the_queue(world: World) -> None:
    async with consuming(world, a_consumer(copy)) as queue_admin:
        world.gate.close(GateWindow(maintenance_id="m", expected_end_utc=later(world.clock.now(), 600)))
        await world.write("a", ["hello"])
        await eventually(lambda: queue_admin.stats[0].state == "paused")
        await eventually(lambda: ready(queue_admin, 1))
        assert queue_admin.stats[0].handled == 0
        world.gate.reopen()
        await eventually(lambda: queue_admin.stats[0].handled == 1)
        assert queue_admin.stats[0].state == "running"


async def ready(queue_admin: QueueAdmin, messages: int) -> bool:
    """Whether the given number of messages is ready in the only queue."""
    return (await queue_admin.queues())[0].depth.ready == messages


async def test_events_of_an_org_that_is_being_emptied_are_let_go(world: World) -> None:
    async with consuming(world, a_consumer(copy)) as queue_admin:
        world.gate.close_orgs(frozenset({"GONE"}))
        await world.write("a", ["hello"], orgcode="GONE")
        await world.write("b", ["hello"], orgcode="ACME")
        await eventually(lambda: queue_admin.stats[0].skipped == 1 and queue_admin.stats[0].handled == 1)

    assert await world.handled() == 1


async def test_stopping_lets_the_handler_at_work_finish_and_leaves_the_rest(world: World) -> None:
    began, go_on = asyncio.Event(), asyncio.Event()
    consumers = Consumers("test")

    @consumers.on("test.note.written", name="slow", concurrency=1)
    async def slow(units: Units, event: Event) -> None:
        began.set()
        await go_on.wait()

    async with consuming(world, *consumers.declared) as queue_admin:
        await world.write("a", ["1", "2", "3"])
        await began.wait()
        stopping = asyncio.create_task(queue_admin.stop(10.0))
        await eventually(next(iter(queue_admin._subscriptions.values()))._over.is_set)
        go_on.set()
        await stopping
        assert queue_admin.stats[0].handled == 1
        await queue_admin.start()
        await eventually(lambda: queue_admin.stats[0].handled == 3)

    assert await world.handled() == 3
