"""Events of a subject are handled in order: next to others, by two replicas, and after the broker was killed."""

import asyncio
import time
from collections import defaultdict

import pytest

from chassis.consumer import Consumers, Event
from chassis.unit import Change, Units
from deploy.local.engines.engine import Engine
from tests.chassis.bus_given import QUEUE_SAFE_SECONDS, Noted, World, a_world, eventually
from tests.chassis.consumer_given import a_consumer, all_handled, consuming, copy


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

    async with consuming(world, *consumers.declared) as queue_admin:
        await asyncio.gather(*(world.write(f"note-{n}", [str(turn) for turn in range(10)]) for n in range(12)))
        await eventually(lambda: queue_admin.stats[0].handled == 120)

    assert order == {f"note-{n}": list(range(1, 11)) for n in range(12)}
    assert max(at_once) > 1


async def test_of_two_replicas_one_is_served_at_a_time_and_the_other_takes_over(
    world: World, mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str
) -> None:
    order: dict[str, list[int]] = defaultdict(list)
    consumers = Consumers("test")

    @consumers.on("test.note.written", name="sync")
    async def note(units: Units, event: Event) -> None:
        order[event.subject].append(event.revision)

    async with (
        consuming(world, *consumers.declared) as first,
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
        async with consuming(world, a_consumer(note)) as queue_admin:
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
