"""Dead letters and live events, as an operator sees them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from chassis.bus.listener import Listener
from chassis.bus.queue_admin import QueueAdmin
from chassis.bus.topology import DELIVERY_LIMIT
from chassis.caller import ANONYMOUS, SYSTEM
from chassis.consumer import Consumers, DeadLetter, Event
from chassis.errors import Forbidden, NotFound
from chassis.rpc.bus import BusServicer
from chassis.rpc.context import acting_for
from chassis.unit import Change
from retailstack.chassis.v1 import bus_pb2 as pb
from tests.chassis.bus_given import World, a_call, eventually
from tests.chassis.consumer_given import consuming


class FlakyHandler:
    """A handler that refuses messages while it is told to."""

    def __init__(self) -> None:
        self.bad = True
        self.heard: list[tuple[str, int, int]] = []

    async def __call__(self, change: Change, event: Event) -> None:
        """Refuse, or note what was heard."""
        if self.bad:
            raise DeadLetter("in a bad mood")
        self.heard.append((event.subject, event.revision, event.tries))


@asynccontextmanager
async def dead(world: World, events: int) -> AsyncIterator[tuple[QueueAdmin, FlakyHandler]]:
    """A queue admin with the given number of dead letters, and the handler that gave them up."""
    flaky, consumers = FlakyHandler(), Consumers("test")

    @consumers.on("test.note.written", name="flaky", delays=(0.05,))
    async def handle(change: Change, event: Event) -> None:
        await flaky(change, event)

    async with consuming(world, *consumers.declared) as queue_admin:
        await world.write("a", [str(number) for number in range(events)])
        await eventually(lambda: queue_admin.stats[0].never == events)
        yield queue_admin, flaky


async def test_looking_at_dead_letters_leaves_them_where_they_are(world: World) -> None:
    async with dead(world, 3) as (queue_admin, _):
        for _ in range(DELIVERY_LIMIT + 2):
            assert len(await queue_admin.dead_letters("test.flaky")) == 3
        letters = await queue_admin.dead_letters()
        assert [letter.queue for letter in letters] == ["test.flaky"] * 3
        assert [letter.reason for letter in letters] == ["in a bad mood"] * 3
        assert {letter.orgcode for letter in letters} == {"ACME"}
        assert all(letter.failed_utc >= letter.at_utc for letter in letters)
        assert len(await queue_admin.dead_letters(limit=2)) == 2
        (queue,) = await queue_admin.queues()
        assert (queue.queue, queue.depth.dead, queue.depth.ready) == ("test.flaky", 3, 0)


async def test_replayed_letters_are_tried_afresh_and_in_order(world: World) -> None:
    async with dead(world, 4) as (queue_admin, flaky):
        flaky.bad = False
        assert await queue_admin.replay("test.flaky", limit=3) == 3
        await eventually(lambda: queue_admin.stats[0].handled == 3)
        assert await queue_admin.replay("test.flaky.dead") == 1
        await eventually(lambda: queue_admin.stats[0].handled == 4)
        assert await queue_admin.dead_letters() == []

    assert flaky.heard == [("a", revision, 0) for revision in (1, 2, 3, 4)]


async def test_letters_that_die_again_are_not_replayed_in_a_circle(world: World) -> None:
    async with dead(world, 3) as (queue_admin, _):
        assert await queue_admin.replay("test.flaky") == 3
        await eventually(lambda: queue_admin.stats[0].never == 6)
        assert len(await queue_admin.dead_letters()) == 3


async def test_purging_empties_every_queue(world: World) -> None:
    async with dead(world, 3) as (queue_admin, _):
        assert await queue_admin.purge() == 3
        assert await queue_admin.dead_letters() == []


async def test_an_unknown_queue_is_not_found(world: World) -> None:
    with pytest.raises(NotFound):
        await world.queue_admin([]).replay("test.nothing")


async def test_the_operator_is_answered_over_grpc(world: World) -> None:
    async with dead(world, 2) as (queue_admin, _):
        servicer = BusServicer(queue_admin)
        with acting_for(a_call(orgcode=None, caller=SYSTEM)):
            queues = await servicer.Queues(pb.QueuesRequest(), None)
            letters = await servicer.DeadLetters(pb.DeadLettersRequest(queue="test.flaky", limit=1), None)
            replayed = await servicer.Replay(pb.ReplayRequest(queue="test.flaky"), None)

    assert [(queue.queue, queue.state, queue.dead) for queue in queues.queues] == [("test.flaky", "running", 2)]
    assert [(letter.subject, letter.tries, letter.reason) for letter in letters.dead_letters] == [
        ("a", 1, "in a bad mood")
    ]
    assert replayed.replayed == 2


async def test_nobody_else_is(world: World) -> None:
    with acting_for(a_call(caller=ANONYMOUS)), pytest.raises(Forbidden):
        await BusServicer(world.queue_admin([])).Queues(pb.QueuesRequest(), None)


async def test_a_tail_shows_events_as_they_pass(world: World) -> None:
    relay, servicer = world.relay(), BusServicer(world.queue_admin([]))
    await relay.start()
    with acting_for(a_call(orgcode=None, caller=SYSTEM)):
        tail = servicer.Tail(pb.TailRequest(keys=["test.#"]), None)
        first = asyncio.ensure_future(anext(tail))
        hearing = asyncio.create_task(_write_until(world, first))
        event = await first
        await hearing
        await tail.aclose()  # type: ignore[attr-defined]
    await relay.stop()

    assert (event.type, event.subject, event.orgcode, event.dropped) == ("test.note.written", "a", "ACME", 0)
    assert '"text"' in event.body


async def _write_until(world: World, heard: "asyncio.Future[pb.TailEvent]") -> None:
    """Write until the tail, which begins in its own time, has heard of it."""
    while not heard.done():
        await world.write("a", ["hello"])
        await asyncio.wait([heard], timeout=0.1)


async def test_a_listener_hears_only_what_it_asked_for_and_goes_on_after_its_connection_was_lost(world: World) -> None:
    relay, listener = world.relay(), Listener(world.bus, ["test.note.*"], world.clock, name="gate")
    await relay.start()
    await listener.start(10.0)
    heard: list[str] = []

    async def hear() -> None:
        async for event in listener:
            heard.append(event.subject)  # noqa: PERF401  it never ends

    hearing = asyncio.create_task(hear())
    async with world.bus.publishing.channel(confirms=True) as channel:
        await channel.basic_publish(b"{}", exchange=world.bus.topology.exchange, routing_key="other.note.written")
    await world.write("a", ["1"])
    await eventually(lambda: heard == ["a"])
    connection = await world.bus.consuming.ready(1.0)
    await connection.close()
    await world.write("b", ["1"])
    await eventually(lambda: heard == ["a", "b"])
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
    await listener.stop()
    await relay.stop()


async def test_a_listener_that_does_not_keep_up_misses_the_oldest_and_knows_how_many(world: World) -> None:
    relay, listener = world.relay(), Listener(world.bus, [], world.clock, buffer=2)
    await relay.start()
    await listener.start(10.0)
    await world.write("a", ["1", "2", "3", "4", "5"])
    await eventually(lambda: listener.dropped == 3)
    heard = aiter(listener)
    assert [(await anext(heard)).revision, (await anext(heard)).revision] == [4, 5]
    await listener.stop()
    await relay.stop()
