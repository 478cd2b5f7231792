"""What one Change promises, with either driver: revisions, its own writes, orgs, and times."""

import asyncio
import itertools

import pytest
from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.defects import HeldUp
from chassis.errors import ExpectedRevisionRequired, Invalid, NotFound, StaleRevision
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change
from tests.chassis.data_given import (
    LEFTS,
    NOON,
    RIGHTS,
    THINGS,
    Left,
    Right,
    Thing,
    a_call,
    a_thing,
    add,
    events_of,
    keep,
    opened,
    standing,
    thing_of,
)


async def test_a_record_is_stamped_when_it_is_kept(units: MongoUnits) -> None:
    async def make(change: Change) -> Thing:
        thing = await change.insert(THINGS, a_thing())
        assert await change.get(THINGS, "t1") == thing
        return thing

    thing = await units.change(a_call(), make)

    assert (thing.orgcode, thing.revision, thing.created_by, thing.updated_by) == ("ACME", 1, "ann", "ann")
    assert thing.created_utc == thing.updated_utc != ""
    assert await thing_of(units, "t1") == thing


async def test_an_update_raises_the_revision_once_a_change(units: MongoUnits) -> None:
    await keep(units, a_thing())

    async def twice(change: Change) -> Thing:
        await add(change, "t1")
        return await add(change, "t1")

    thing = await units.change(a_call(actor="bob"), twice)

    assert (thing.revision, thing.amount, thing.created_by, thing.updated_by) == (2, 2, "ann", "bob")
    assert await thing_of(units, "t1") == thing


async def test_what_one_change_inserts_and_updates_is_of_revision_one(units: MongoUnits) -> None:
    async def make(change: Change) -> Thing:
        await change.insert(THINGS, a_thing())
        return await add(change, "t1")

    assert (await units.change(a_call(), make)).revision == 1
    kept = await thing_of(units, "t1")
    assert kept is not None
    assert kept.amount == 1


async def test_a_query_sees_its_own_changes_writes(units: MongoUnits) -> None:
    await keep(units, *(a_thing(f"t{n}", amount=n) for n in range(1, 6)))

    async def look(change: Change) -> list[tuple[str, int]]:
        await add(change, "t1", 10)
        await change.insert(THINGS, a_thing("t9", amount=4))
        await change.delete(THINGS, await change.load(THINGS, "t2"))
        away = await change.load(THINGS, "t3")
        await change.update(THINGS, replace(away, status="off"))
        found = await change.find(THINGS, {"place": "here", "status": "on"}, order=["amount"], limit=3)
        return [(thing.thing_id, thing.amount) for thing in found]

    assert await units.change(a_call(), look) == [("t4", 4), ("t9", 4), ("t5", 5)]


async def test_a_handler_that_waits_for_something_else_is_stopped(units: MongoUnits) -> None:
    async def wait(change: Change) -> None:
        await change.insert(THINGS, a_thing())
        await asyncio.sleep(0)

    with pytest.raises(HeldUp, match="thing_change awaits something other than data"):
        await units.change(a_call(), wait)
    assert await thing_of(units, "t1") is None


async def test_a_handler_that_asks_for_something_new_at_every_run_is_found_out(units: MongoUnits) -> None:
    asked = itertools.count()

    async def ask(change: Change) -> None:
        await change.get(THINGS, f"none {next(asked)}")

    with pytest.raises(RuntimeError, match="something new at every run"):
        await units.change(a_call(), ask)


async def test_orgs_do_not_see_or_touch_each_other(units: MongoUnits) -> None:
    await keep(units, a_thing("t1", code="A"))
    await keep(units, a_thing("t2", code="A"), org="OTHER")

    async def look(change: Change) -> None:
        assert await change.get(THINGS, "t1") is None
        assert await change.get_many(THINGS, ["t1", "t2"]) == {"t2": await change.get(THINGS, "t2")}
        found = await change.lookup(THINGS, "place_code", "here", "A")
        assert found is not None
        assert found.thing_id == "t2"
        assert [thing.thing_id for thing in await change.find(THINGS, {"place": "here", "status": "on"})] == ["t2"]
        with pytest.raises(NotFound):
            await change.load(THINGS, "t1")

    await units.change(a_call("OTHER"), look)
    with pytest.raises(AssertionError):
        await keep(units, a_thing("t3", orgcode="ACME"), org="OTHER")
    with pytest.raises(Invalid, match="orgcode is required"):
        await units.change(a_call(None), lambda change: change.get(THINGS, "t1"))


async def test_an_operator_acts_for_an_org_by_saying_so(units: MongoUnits) -> None:
    await keep(units, a_thing("t1"))

    async def act(change: Change) -> list[str]:
        every = change.every_org()
        thing = await every.load(THINGS, "t1")
        thing = await every.update(THINGS, replace(thing, amount=7))
        await every.insert(THINGS, a_thing("t2", orgcode="OTHER"))
        change.emit("thing.adjusted", "t1", thing=thing)
        return [one.orgcode for one in await every.find(THINGS, {"status": "on"}, order=["amount"])]

    assert await units.change(a_call(None, actor="operator"), act) == ["OTHER", "ACME"]
    kept = await thing_of(units, "t1")
    assert kept is not None
    assert (kept.orgcode, kept.amount, kept.updated_by) == ("ACME", 7, "operator")
    told = {event.subject: event.orgcode for event in await events_of(units.database)}
    assert told == {"t1": "ACME", "t2": "OTHER"}


async def test_absence_comes_before_a_missing_revision_and_that_before_a_stale_one(units: MongoUnits) -> None:
    await keep(units, a_thing())
    with pytest.raises(NotFound):
        await units.change(a_call(), lambda change: change.load(THINGS, "none", None))
    with pytest.raises(ExpectedRevisionRequired) as required:
        await units.change(a_call(), lambda change: change.load(THINGS, "t1", None))
    with pytest.raises(StaleRevision) as stale:
        await units.change(a_call(), lambda change: change.load(THINGS, "t1", 7))
    assert required.value.details == stale.value.details == {"current_revision": 1}
    assert (await units.change(a_call(), lambda change: change.load(THINGS, "t1", 1))).revision == 1


async def test_only_what_was_read_last_can_be_updated(units: MongoUnits) -> None:
    await keep(units, a_thing())
    old = await thing_of(units, "t1")
    assert old is not None
    await units.change(a_call(), lambda change: add(change, "t1"))

    with pytest.raises(AssertionError, match="is at revision 2, not 1"):
        await units.change(a_call(), lambda change: change.update(THINGS, old))


async def test_a_change_is_never_earlier_than_what_it_has_read(mongodb_uri: str, database_name: str) -> None:
    clock = standing()
    async with opened(mongodb_uri, database_name, clock=clock) as units:
        clock.advance(60)
        await keep(units, a_thing())
        clock.advance(-30)

        async def look(change: Change) -> tuple[Utc, Utc, Thing]:
            early = change.now
            thing = await add(change, "t1")
            return early, change.now, thing

        early, late, thing = await units.change(a_call(), look)

    assert early == late == thing.updated_utc == later(NOON, 60)


async def test_entities_of_one_collection_are_told_apart_by_kind(units: MongoUnits) -> None:
    async def make(change: Change) -> None:
        await change.insert(LEFTS, Left(left_id="a", group="g"))
        await change.insert(RIGHTS, Right(right_id="b", group="g"))
        assert await change.get(RIGHTS, "a") is None

    async def look(change: Change) -> tuple[object, ...]:
        left = await change.get(LEFTS, "a")
        rights = await change.find(RIGHTS, {"group": "g"})
        return await change.get(LEFTS, "b"), left and left.left_id, [right.right_id for right in rights]

    await units.change(a_call(), make)
    assert await units.change(a_call(), look) == (None, "a", ["b"])
