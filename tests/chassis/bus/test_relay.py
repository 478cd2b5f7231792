"""The relay: everything that was committed is published, in order per subject, whatever happens meanwhile."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.bus import relay as relay_module
from chassis.bus.message import BusMessage
from chassis.bus.ordering import settled
from chassis.event import SHARDS
from deploy.local.engines.engine import Engine
from tests.chassis.bus_given import QUEUE_SAFE_SECONDS, EventRecorder, World, a_world, eventually, firsts


@pytest.fixture
async def recorder(amqp_url: str, bus_prefix: str) -> AsyncIterator[EventRecorder]:
    recorder = EventRecorder(amqp_url, f"{bus_prefix}retailstack.events", f"{bus_prefix}recorder")
    await recorder.attach()
    yield recorder
    await recorder.remove()


class NoteBody(msgspec.Struct):
    """What the body of a note's event says."""

    revision: int


def revisions(messages: Sequence[BusMessage]) -> dict[str, list[int]]:
    """Subject -> the revisions told of it, each where it was heard first."""
    told: dict[str, list[int]] = defaultdict(list)
    for message in firsts(messages):
        told[message.headers["cloudEvents:subject"]].append(msgspec.json.decode(message.body, type=NoteBody).revision)
    return dict(told)


async def drained(recorder: EventRecorder, events: int) -> Sequence[BusMessage]:
    """All messages, once the given number of different events was heard."""

    async def enough() -> bool:
        return len(firsts(await recorder.drain())) >= events

    await eventually(enough)
    return recorder.received


async def test_an_event_is_published_as_a_cloud_event(world: World, recorder: EventRecorder) -> None:
    relay = world.relay()
    await relay.start()
    await world.write("a", ["hello"])

    (message,) = await drained(recorder, 1)
    await relay.stop()

    assert message.routing_key == "test.note.written"
    assert message.properties.message_id == message.headers["cloudEvents:id"]
    assert message.properties.content_type == "application/json"
    assert message.properties.delivery_mode == 2
    assert message.properties.timestamp is not None
    assert message.headers["cloudEvents:specversion"] == "1.0"
    assert message.headers["cloudEvents:type"] == "test.note.written"
    assert message.headers["cloudEvents:subject"] == "a"
    assert message.headers["cloudEvents:source"] == "/test"
    assert message.headers["cloudEvents:time"].endswith("Z")
    assert message.headers["orgcode"] == "ACME"
    assert msgspec.json.decode(message.body)["note"]["text"] == "hello"


async def test_a_commit_wakes_the_relay(world: World, recorder: EventRecorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "POLL_SECONDS_MAX", 3600.0)
    relay = world.relay()
    await relay.start()
    for number in range(3):
        await world.write("a", [str(number)])
        await drained(recorder, number + 1)
    await relay.stop()


async def test_events_are_published_in_order_per_subject(world: World, recorder: EventRecorder) -> None:
    relay = world.relay()
    await relay.start()
    await asyncio.gather(*(world.write(f"note-{n}", [str(turn) for turn in range(10)]) for n in range(40)))

    told = revisions(await drained(recorder, 400))
    await relay.stop()

    assert told == {f"note-{n}": list(range(1, 11)) for n in range(40)}
    assert (await relay.backlog()).pending == 0
    assert relay.stats.published == len(recorder.received) == 400


async def test_an_event_nobody_has_subscribed_to_is_done_with(world: World) -> None:
    relay = world.relay()
    await relay.start()
    await world.write("a", ["hello"])

    await eventually(lambda: relay.stats.published == 1)
    await relay.stop()


async def test_what_waits_and_for_how_long_can_be_asked(world: World) -> None:
    relay = world.relay()
    await world.write("a", ["1", "2", "3"])

    backlog = await relay.backlog()

    assert backlog.pending == 3
    assert backlog.lag_seconds >= 0.0


async def test_stopping_flushes_what_is_pending(world: World, recorder: EventRecorder) -> None:
    relay = world.relay()
    await relay.start()
    await eventually(lambda: relay.stats.shards == SHARDS)
    await asyncio.gather(*(world.write(f"note-{n}", ["1", "2"]) for n in range(50)))
    await relay.stop()

    assert (await relay.backlog()).pending == 0
    assert len(firsts(await recorder.drain())) == 100


async def test_an_event_larger_than_a_frame_arrives_whole(world: World, recorder: EventRecorder) -> None:
    relay = world.relay()
    await relay.start()
    await world.write("a", ["x" * 300_000, "small"])

    large, small = await drained(recorder, 2)
    await relay.stop()

    assert msgspec.json.decode(large.body)["note"]["text"] == "x" * 300_000
    assert msgspec.json.decode(small.body)["note"]["text"] == "small"


async def test_replicas_share_the_shards_and_take_over_from_each_other(
    mongodb_uri: str,
    database_name: str,
    amqp_url: str,
    bus_prefix: str,
    recorder: EventRecorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_module, "CONFIRM_SECONDS", 1.0)
    async with (
        a_world(mongodb_uri, database_name, amqp_url, bus_prefix) as one,
        a_world(mongodb_uri, database_name, amqp_url, bus_prefix, replica="two") as two,
    ):
        first, second = one.relay(lease_seconds=3.0), two.relay(lease_seconds=3.0)
        await first.start()
        await eventually(lambda: first.stats.shards == SHARDS)
        await second.start()
        await eventually(lambda: first.stats.shards == second.stats.shards == SHARDS // 2)

        # Written through the first replica only: the second finds its share by looking for it.
        await asyncio.gather(*(one.write(f"note-{n}", ["1", "2", "3"]) for n in range(30)))
        told = revisions(await drained(recorder, 90))
        assert told == {f"note-{n}": [1, 2, 3] for n in range(30)}
        assert first.stats.published > 0
        assert second.stats.published > 0

        await first.stop()
        await asyncio.gather(*(one.write(f"note-{n}", ["4"]) for n in range(30)))
        told = revisions(await drained(recorder, 120))
        assert told == {f"note-{n}": [1, 2, 3, 4] for n in range(30)}
        await second.stop()


async def test_the_shards_of_a_replica_that_died_are_served_by_another(
    mongodb_uri: str,
    database_name: str,
    amqp_url: str,
    bus_prefix: str,
    recorder: EventRecorder,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_module, "CONFIRM_SECONDS", 0.5)
    async with (
        a_world(mongodb_uri, database_name, amqp_url, bus_prefix) as one,
        a_world(mongodb_uri, database_name, amqp_url, bus_prefix, replica="two") as two,
    ):
        dying, second = one.relay(lease_seconds=1.5), two.relay(lease_seconds=1.5)
        await dying.start()
        await eventually(lambda: dying.stats.shards == SHARDS)
        assert dying._runner is not None
        dying._runner.cancel()  # It gives nothing back, as if it had been killed.
        await asyncio.gather(dying._runner, return_exceptions=True)

        await asyncio.gather(*(two.write(f"note-{n}", ["1", "2"]) for n in range(30)))
        await second.start()
        told = revisions(await drained(recorder, 60))
        await second.stop()

    assert told == {f"note-{n}": [1, 2] for n in range(30)}


async def test_the_successor_of_a_process_that_died_serves_every_shard_at_once(world: World) -> None:
    dying, successor = world.relay(lease_seconds=3600.0), world.relay(lease_seconds=3600.0)
    await dying.start()
    await eventually(lambda: dying.stats.shards == SHARDS)
    assert dying._runner is not None
    dying._runner.cancel()  # It gives nothing back, as if it had been killed.
    await asyncio.gather(dying._runner, return_exceptions=True)

    await successor.start()
    await eventually(lambda: successor.stats.shards == SHARDS)
    await successor.stop()


@pytest.mark.outage
async def test_the_relay_outlives_a_killed_database(
    private_mongodb: Engine, database_name: str, amqp_url: str, bus_prefix: str, recorder: EventRecorder
) -> None:
    async with a_world(private_mongodb.uri, database_name, amqp_url, bus_prefix) as world:
        relay = world.relay()
        await relay.start()
        await asyncio.gather(*(world.write(f"note-{n}", ["1", "2"]) for n in range(20)))
        await asyncio.to_thread(private_mongodb.kill)
        await eventually(lambda: relay.stats.failures > 0)
        await asyncio.to_thread(private_mongodb.restart)
        await asyncio.gather(*(world.write(f"note-{n}", ["3"]) for n in range(20)))
        told = revisions(await drained(recorder, 60))
        await relay.stop()

    assert told == {f"note-{n}": [1, 2, 3] for n in range(20)}


@pytest.mark.outage
async def test_a_killed_broker_costs_nothing_but_repetitions(
    mongodb_uri: str, database_name: str, private_rabbitmq: Engine, bus_prefix: str
) -> None:
    url = private_rabbitmq.uri
    recorder = EventRecorder(url, f"{bus_prefix}retailstack.events", f"{bus_prefix}recorder")
    await recorder.attach()
    async with a_world(mongodb_uri, database_name, url, bus_prefix) as world:
        relay = world.relay()
        await relay.start()
        load = [asyncio.create_task(world.write(f"note-{n}", [str(t) for t in range(60)])) for n in range(20)]
        await eventually(lambda: relay.stats.published > 100 and recorder.age > QUEUE_SAFE_SECONDS)
        await asyncio.to_thread(private_rabbitmq.kill)
        await asyncio.gather(*load)
        await eventually(lambda: not world.bus.up)
        await asyncio.to_thread(private_rabbitmq.restart)

        told = revisions(await drained(recorder, 1200))
        await relay.stop()

    assert told == {f"note-{n}": list(range(1, 61)) for n in range(20)}


async def test_while_the_broker_is_away_events_wait_up_to_a_limit(
    mongodb_uri: str, database_name: str, bus_prefix: str
) -> None:
    async with a_world(mongodb_uri, database_name, "amqp://127.0.0.1:1/", bus_prefix) as world:
        relay = world.relay(events_max=3)
        await relay.start()
        await world.write("note", ["1", "2", "3"])
        await relay._measure()
        assert not relay.full
        await world.write("note", ["4"])
        await eventually(lambda: relay.full)
        await relay.stop(0.0)


SUBJECTS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=20)


@given(SUBJECTS)
def test_only_what_is_confirmed_up_to_the_first_gap_of_its_subject_is_done_with(page: list[tuple[str, bool]]) -> None:
    subjects, confirmed = [subject for subject, _ in page], [arrived for _, arrived in page]

    done = set(settled(subjects, confirmed))

    for place, subject in enumerate(subjects):
        before = [confirmed[other] for other in range(place + 1) if subjects[other] == subject]
        assert (place in done) == all(before)
