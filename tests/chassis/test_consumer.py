"""Consumers: each event has its effect once, in order per subject; failures are tried again, poison has a limit."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from chassis.bus.breaker import Breaker
from chassis.bus.connection import Bus
from chassis.bus.queue_admin import QueueAdmin
from chassis.bus.subscription import Subscription
from chassis.clock import SystemClock, later
from chassis.consumer import Consumer, Consumers, DeadLetter, Event, Retry
from chassis.errors import NotFound
from chassis.gate import Gate, GateWindow
from chassis.provided import NotProvided, Provided
from chassis.rpc.client import Channels
from chassis.unit import Change, Units
from deploy.local.engines.engine import Engine
from tests.chassis.bus_given import (
    NOTES,
    QUEUE_SAFE_SECONDS,
    Note,
    Noted,
    World,
    a_world,
    all_attached,
    eventually,
    forget,
)

Handle = Callable[[Change, Event], Awaitable[None]]


@pytest.fixture
async def world(mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str) -> AsyncIterator[World]:
    async with a_world(mongodb_uri, database_name, amqp_url, bus_prefix) as world:
        yield world


def a_consumer(handle: Handle, **options: Any) -> Consumer:
    """A consumer of notes that are written, named sync, whose delays are short."""
    consumers = Consumers("test")

    @consumers.on("test.note.*", **{"name": "sync", "delays": (0.05, 0.1), **options})
    async def sync(change: Change, event: Event) -> None:
        await handle(change, event)

    return consumers.declared[0]


@asynccontextmanager
async def hearing(world: World, *consumers: Consumer) -> AsyncIterator[QueueAdmin]:
    """A relay and these consumers at work; their queues are gone afterwards."""
    queue_admin, relay = world.queue_admin(consumers), world.relay()
    await queue_admin.queues()  # Makes the queues.
    await queue_admin.start()
    await relay.start()
    await eventually(lambda: all_attached(queue_admin))
    try:
        yield queue_admin
    finally:
        await relay.stop()
        await queue_admin.stop()
        for subscription in queue_admin._subscriptions.values():
            await forget(world.bus, *(queue.name for queue in subscription.queues.all))


async def copy(change: Change, event: Event) -> None:
    """Write a note of the note."""
    heard = event.body(Noted).note
    await change.insert(NOTES, Note(note_id=f"copy of {heard.note_id} {heard.revision}", text=heard.text))


async def test_a_handlers_writes_are_committed_in_the_org_of_the_event(world: World) -> None:
    async with hearing(world, a_consumer(copy)):
        await world.write("a", ["hello"], orgcode="ACME")
        await eventually(world.handled)

    copies = [note for note in await world.notes() if note["_id"] == "copy of a 1"]
    assert [(note["text"], note["orgcode"], note["updated_by"]) for note in copies] == [("hello", "ACME", "system")]


async def test_an_event_that_comes_twice_has_its_effect_once(world: World) -> None:
    async with hearing(world, a_consumer(copy)) as queue_admin:
        await world.write("a", ["hello"])
        await eventually(lambda: queue_admin.stats[0].handled == 1)
        await world.tell_again()
        await world.write("b", ["wake the relay"])
        await eventually(lambda: queue_admin.stats[0].handled == 2)
        await eventually(lambda: queue_admin.stats[0].repeated >= 1)

    assert await world.handled() == 2
    assert len(await world.notes()) == 4


async def test_later_is_tried_again_and_leaves_nothing_of_the_first_try(world: World) -> None:
    tries = []

    async def not_at_first(change: Change, event: Event) -> None:
        tries.append(event.tries)
        await copy(change, event)
        if event.tries < 2:
            raise Retry("not yet")

    async with hearing(world, a_consumer(not_at_first)) as queue_admin:
        await world.write("a", ["hello"])
        await eventually(lambda: queue_admin.stats[0].handled == 1)
        assert queue_admin.stats[0].later == 2

    assert sorted(set(tries)) == [0, 1, 2]
    assert len(await world.notes()) == 2


async def test_never_makes_a_dead_letter_at_once(world: World) -> None:
    async def refuse(change: Change, event: Event) -> None:
        raise DeadLetter(f"no such note: {event.subject}")

    async with hearing(world, a_consumer(refuse)) as queue_admin:
        await world.write("a", ["hello"])
        await eventually(lambda: queue_admin.stats[0].never == 1)
        (letter,) = await queue_admin.dead_letters()

    assert (letter.reason, letter.tries, letter.type, letter.subject) == (
        "no such note: a",
        1,
        "test.note.written",
        "a",
    )


@pytest.mark.parametrize("failure", [Retry("not yet"), RuntimeError("a defect"), NotFound("no such thing")])
async def test_what_fails_too_often_becomes_a_dead_letter(world: World, failure: Exception) -> None:
    async def fail(change: Change, event: Event) -> None:
        raise failure

    async with hearing(world, a_consumer(fail, tries_max=3)) as queue_admin:
        await world.write("a", ["hello"])
        await eventually(lambda: queue_admin.stats[0].never == 1)
        (letter,) = await queue_admin.dead_letters("test.sync")

    assert queue_admin.stats[0].later == 2
    assert letter.tries == 3
    assert str(failure) in letter.reason
    assert await world.handled() == 0


async def test_a_message_that_is_no_event_becomes_a_dead_letter(world: World) -> None:
    async with hearing(world, a_consumer(copy)) as queue_admin:
        async with world.bus.publishing.channel(confirms=True, seconds=10.0) as channel:
            await channel.basic_publish(b"no json", exchange=world.bus.topology.exchange, routing_key="test.note.odd")
        await eventually(lambda: queue_admin.stats[0].never == 1)
        (letter,) = await queue_admin.dead_letters()

    assert letter.body == "no json"
    assert letter.type == "test.note.odd"


async def test_a_body_without_the_fields_asked_for_is_a_dead_letter(world: World) -> None:
    async def ask(change: Change, event: Event) -> None:
        event.body(Asked)

    async with hearing(world, a_consumer(ask)) as queue_admin:
        await world.write("a", ["hello"])
        await eventually(lambda: queue_admin.stats[0].never == 1)


class Asked(Note):
    """Fields the event has not got."""


async def test_events_of_a_subject_are_handled_in_order_and_others_beside_them(world: World) -> None:
    order: dict[str, list[int]] = defaultdict(list)
    at_once = []
    working: set[str] = set()
    consumers = Consumers("test")

    @consumers.on("test.note.written", name="slow", concurrency=8)
    async def slow(units: Units, event: Event) -> None:
        assert event.subject not in working
        working.add(event.subject)
        at_once.append(len(working))
        await asyncio.sleep(0)
        order[event.subject].append(event.revision)
        working.remove(event.subject)

    async with hearing(world, *consumers.declared) as queue_admin:
        await asyncio.gather(*(world.write(f"note-{n}", [str(turn) for turn in range(10)]) for n in range(12)))
        await eventually(lambda: queue_admin.stats[0].handled == 120)

    assert order == {f"note-{n}": list(range(1, 11)) for n in range(12)}
    assert max(at_once) > 1


async def test_a_handler_with_units_makes_changes_of_its_own_and_is_not_run_again(world: World) -> None:
    consumers = Consumers("test")
    calls = []

    @consumers.on("test.note.written", name="caller")
    async def call_out(units: Units, event: Event) -> None:
        calls.append(event.event_id)

        async def write(change: Change) -> None:
            await copy(change, event)

        await units.change(event.call, write)

    async with hearing(world, *consumers.declared) as queue_admin:
        await world.write("a", ["hello"])
        await eventually(lambda: queue_admin.stats[0].handled == 1)
        await world.tell_again()
        await world.write("b", ["wake the relay"])
        await eventually(lambda: queue_admin.stats[0].handled == 2)

    assert len(calls) == 2
    assert {note["_id"] for note in await world.notes()} >= {"copy of a 1", "copy of b 1"}


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
    async with hearing(world, a_consumer(copy)) as queue_admin:
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
    async with hearing(world, a_consumer(copy)) as queue_admin:
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

    async with hearing(world, *consumers.declared) as queue_admin:
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


async def test_of_two_replicas_one_is_served_at_a_time_and_the_other_takes_over(
    world: World, mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str
) -> None:
    order: dict[str, list[int]] = defaultdict(list)
    consumers = Consumers("test")

    @consumers.on("test.note.written", name="sync")
    async def note(units: Units, event: Event) -> None:
        order[event.subject].append(event.revision)

    async with (
        hearing(world, *consumers.declared) as first,
        a_world(mongodb_uri, database_name, amqp_url, bus_prefix, replica="two") as other,
    ):
        second = other.queue_admin(consumers.declared)
        await second.start()
        load = [asyncio.create_task(world.write(f"note-{n}", [str(t) for t in range(20)])) for n in range(10)]
        await eventually(lambda: first.stats[0].handled > 50)
        assert second.stats[0].handled == 0
        await first.stop()
        await asyncio.gather(*load)
        await eventually(lambda: all_handled(world, 200))
        await second.stop()

    assert second.stats[0].handled > 0
    assert order == {f"note-{n}": list(range(1, 21)) for n in range(10)}


@pytest.mark.outage
async def test_a_killed_broker_makes_no_event_unheard_and_none_effective_twice(
    mongodb_uri: str, database_name: str, private_rabbitmq: Engine, bus_prefix: str
) -> None:
    order: dict[str, list[int]] = defaultdict(list)

    async def note(change: Change, event: Event) -> None:
        await copy(change, event)
        heard = event.body(Noted).note
        if heard.revision not in order[event.subject]:
            order[event.subject].append(heard.revision)

    async with a_world(mongodb_uri, database_name, private_rabbitmq.uri, bus_prefix) as world:
        async with hearing(world, a_consumer(note)) as queue_admin:
            made = time.monotonic()
            load = [asyncio.create_task(world.write(f"note-{n}", [str(t) for t in range(40)])) for n in range(20)]
            await eventually(
                lambda: queue_admin.stats[0].handled > 100 and time.monotonic() - made > QUEUE_SAFE_SECONDS
            )
            await asyncio.to_thread(private_rabbitmq.kill)
            await asyncio.gather(*load)
            await asyncio.to_thread(private_rabbitmq.restart)
            await eventually(lambda: all_handled(world, 800), seconds=60.0)
        assert len(await world.notes()) == 20 + 800

    assert order == {f"note-{n}": list(range(1, 41)) for n in range(20)}


async def all_handled(world: World, events: int) -> bool:
    """Whether the given number of events has been handled."""
    return await world.handled() == events


def test_a_handler_that_asks_for_something_else_stops_the_import() -> None:
    consumers = Consumers("test")
    with pytest.raises(TypeError, match="must take"):

        @consumers.on("a.b", name="odd")
        async def odd(event: Event) -> None:
            """Ask for too little."""

    with pytest.raises(TypeError, match="takes a Change, so it can ask for nothing else: channels"):

        @consumers.on("a.b", name="odd")
        async def greedy(change: Change, event: Event, channels: Channels) -> None:
            """Ask for too much."""


def test_a_consumer_of_what_nobody_provides_stops_the_start() -> None:
    consumers = Consumers("test")

    @consumers.on("a.b", name="call")
    async def call(units: Units, event: Event, channels: Channels) -> None:
        """Call another service."""

    clock = SystemClock()
    bus: Any = Bus("amqp://nowhere/", "test")
    units: Any = None
    with pytest.raises(NotProvided, match=r"consumer test\.call asks for what this process does not provide: channels"):
        QueueAdmin(bus, consumers.declared, units, clock, Gate(clock), Provided())
