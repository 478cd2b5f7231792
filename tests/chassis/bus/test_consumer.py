"""Consumers: each event has its effect once; failures are retried, and what fails too often becomes a dead letter."""

from typing import Any

import pytest

from chassis.bus.connection import Bus
from chassis.bus.queue_admin import QueueAdmin
from chassis.clock import SystemClock
from chassis.consumer import Consumers, DeadLetter, Event, Retry
from chassis.errors import NotFound
from chassis.gate import Gate
from chassis.provided import NotProvided, Provided
from chassis.rpc.client import Channels
from chassis.unit import Change, Units
from tests.chassis.bus_given import Note, World, eventually
from tests.chassis.consumer_given import a_consumer, consuming, copy


async def test_a_handlers_writes_are_committed_in_the_org_of_the_event(world: World) -> None:
    async with consuming(world, a_consumer(copy)):
        await world.write("a", ["hello"], orgcode="ACME")
        await eventually(world.handled)

    copies = [note for note in await world.notes() if note["_id"] == "copy of a 1"]
    assert [(note["text"], note["orgcode"], note["updated_by"]) for note in copies] == [("hello", "ACME", "system")]


async def test_an_event_that_comes_twice_has_its_effect_once(world: World) -> None:
    async with consuming(world, a_consumer(copy)) as queue_admin:
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

    async with consuming(world, a_consumer(not_at_first)) as queue_admin:
        await world.write("a", ["hello"])
        await eventually(lambda: queue_admin.stats[0].handled == 1)
        assert queue_admin.stats[0].later == 2

    assert sorted(set(tries)) == [0, 1, 2]
    assert len(await world.notes()) == 2


async def test_never_makes_a_dead_letter_at_once(world: World) -> None:
    async def refuse(change: Change, event: Event) -> None:
        raise DeadLetter(f"no such note: {event.subject}")

    async with consuming(world, a_consumer(refuse)) as queue_admin:
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

    async with consuming(world, a_consumer(fail, tries_max=3)) as queue_admin:
        await world.write("a", ["hello"])
        await eventually(lambda: queue_admin.stats[0].never == 1)
        (letter,) = await queue_admin.dead_letters("test.sync")

    assert queue_admin.stats[0].later == 2
    assert letter.tries == 3
    assert str(failure) in letter.reason
    assert await world.handled() == 0


async def test_a_message_that_is_no_event_becomes_a_dead_letter(world: World) -> None:
    async with consuming(world, a_consumer(copy)) as queue_admin:
        async with world.bus.publishing.channel(confirms=True, seconds=10.0) as channel:
            await channel.basic_publish(b"no json", exchange=world.bus.topology.exchange, routing_key="test.note.odd")
        await eventually(lambda: queue_admin.stats[0].never == 1)
        (letter,) = await queue_admin.dead_letters()

    assert letter.body == "no json"
    assert letter.type == "test.note.odd"


async def test_a_body_without_the_fields_asked_for_is_a_dead_letter(world: World) -> None:
    async def ask(change: Change, event: Event) -> None:
        event.body(Asked)

    async with consuming(world, a_consumer(ask)) as queue_admin:
        await world.write("a", ["hello"])
        await eventually(lambda: queue_admin.stats[0].never == 1)


class Asked(Note):
    """Fields the event has not got."""


async def test_a_handler_with_units_makes_changes_of_its_own_and_is_not_run_again(world: World) -> None:
    consumers = Consumers("test")
    calls = []

    @consumers.on("test.note.written", name="caller")
    async def call_out(units: Units, event: Event) -> None:
        calls.append(event.event_id)

        async def write(change: Change) -> None:
            await copy(change, event)

        await units.change(event.call, write)

    async with consuming(world, *consumers.declared) as queue_admin:
        await world.write("a", ["hello"])
        await eventually(lambda: queue_admin.stats[0].handled == 1)
        await world.tell_again()
        await world.write("b", ["wake the relay"])
        await eventually(lambda: queue_admin.stats[0].handled == 2)

    assert len(calls) == 2
    assert {note["_id"] for note in await world.notes()} >= {"copy of a 1", "copy of b 1"}


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
