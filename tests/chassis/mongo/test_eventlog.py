"""The event log as the relay and history read it."""

from collections.abc import AsyncIterator
from functools import partial

import pytest
from msgspec.structs import replace

from chassis.clock import FixedClock
from chassis.event import SHARDS, EventDocument, shard_of
from chassis.mongo.eventlog import history, in_publishing_order, mark_relayed, pending
from chassis.mongo.unit import MongoUnits
from chassis.page import PageRequest
from chassis.unit import Change
from tests.chassis.data_given import NOON, THINGS, a_call, a_thing, add, keep, opened


@pytest.fixture
async def units(mongodb_uri: str, database_name: str) -> AsyncIterator[MongoUnits]:
    """Units of the test's own database, whose clock stands still."""
    async with opened(mongodb_uri, database_name, clock=FixedClock(NOON)) as opening:
        yield opening


async def tell(change: Change, thing_id: str) -> None:
    """Change a thing and tell of it."""
    thing = await add(change, thing_id)
    change.emit("thing.changed", thing_id, thing=thing)


async def test_what_is_pending_comes_oldest_first_until_it_is_relayed(units: MongoUnits) -> None:
    await keep(units, a_thing("t1"), a_thing("t2"))
    for thing_id in ("t1", "t2", "t1", "t1"):
        await units.change(a_call(), partial(tell, thing_id=thing_id))

    found = await pending(units.database, range(SHARDS), 100)
    assert [(event.subject, event.revision) for event in found] == [("t1", 2), ("t2", 2), ("t1", 3), ("t1", 4)]
    assert await pending(units.database, range(SHARDS), 2) == found[:2]

    await mark_relayed(units.database, [event.event_id for event in found[:3]])
    await mark_relayed(units.database, [])
    assert [event.revision for event in await pending(units.database, range(SHARDS), 100)] == [4]


async def test_a_relay_reads_its_own_shards_only(units: MongoUnits) -> None:
    names = [f"t{n}" for n in range(12)]
    await keep(units, *(a_thing(name) for name in names))
    for name in names:
        await units.change(a_call(), partial(tell, thing_id=name))
    mine = {shard_of(name) for name in names[:3]}

    found = await pending(units.database, mine, 100)

    assert {event.subject for event in found} == {name for name in names if shard_of(name) in mine}
    assert await pending(units.database, [], 100) == []


async def test_a_subject_is_published_in_the_order_of_its_revisions() -> None:
    def an_event(event_id: str, subject: str, revision: int) -> EventDocument:
        return EventDocument(
            event_id=event_id,
            orgcode="ACME",
            type="thing.changed",
            subject=subject,
            source="things",
            at_utc=NOON,
            actor="ann",
            revision=revision,
            cccode=None,
            traceparent=None,
            reason=None,
            touched=[],
            body="{}",
            shard=0,
            pending=True,
            published=True,
        )

    events = [an_event("4", "a", 2), an_event("2", "a", 3), an_event("3", "b", 0), an_event("1", "b", 5)]
    ordered = in_publishing_order(events)
    assert [(event.subject, event.event_id) for event in ordered] == [("b", "1"), ("a", "4"), ("b", "3"), ("a", "2")]


async def test_history_tells_all_that_happened_to_a_record_newest_first(units: MongoUnits) -> None:
    await keep(units, a_thing("t1"))
    await keep(units, a_thing("t1x"), org="OTHER")

    async def quietly(change: Change) -> None:
        thing = await change.load(THINGS, "t1")
        await change.update(THINGS, replace(thing, place="there"), "moved")

    await units.change(a_call(), quietly)
    await units.change(a_call(), partial(tell, thing_id="t1"))

    page = await units.view(a_call(), lambda view: history(view, "t1", PageRequest()))
    assert [(event.type, event.revision, event.reason) for event in page.items] == [
        ("thing.changed", 3, None),
        ("things.thing.recorded", 2, "moved"),
        ("things.thing.recorded", 1, None),
    ]
    assert (await units.view(a_call("OTHER"), lambda view: history(view, "t1", PageRequest()))).count == 0
