"""What enqueuing, claiming and settling promise, with each driver: atomic, once, in turns over the orgs, fenced."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest

from chassis.clock import FixedClock
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change
from chassis.work.item import WorkItem
from chassis.work.leasing import LeaseLost, checkpoint, fail, finish, put_back, renew
from chassis.work.store import enqueue
from tests.chassis.bus_given import NOTES, Note
from tests.chassis.work.given import (
    CRATES,
    NOON,
    Crate,
    Shipped,
    a_queue,
    add,
    add_many,
    an_org_call,
    item,
    items,
    take,
    wake_all,
    work_units,
)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture(params=["motor", "pymongo"])
async def units(
    mongodb_uri: str, database_name: str, clock: FixedClock, request: pytest.FixtureRequest
) -> AsyncIterator[MongoUnits]:
    driver: Literal["motor", "pymongo"] = request.param
    async with work_units(mongodb_uri, database_name, driver, clock) as units:
        yield units


async def test_an_item_is_there_only_if_its_cause_is(units: MongoUnits) -> None:
    async def write(change: Change) -> None:
        await change.insert(NOTES, Note(note_id="n1", text="a cause"))
        await enqueue(change, CRATES, "k1", Crate(weight=3))
        raise LeaseLost("not after all")

    with pytest.raises(LeaseLost):
        await units.change(an_org_call(), write)
    assert await items(units) == []

    await add(units, "k1", weight=3)
    assert [each["_id"] for each in await items(units)] == ["test.crates/ACME/k1"]


async def test_of_many_claims_at_once_one_gets_the_item(units: MongoUnits) -> None:
    await add(units, "k1")
    claims = await asyncio.gather(*(take(units, f"t{n}") for n in range(8)))
    assert sum(len(each) for each in claims) == 1


async def test_what_is_finished_is_gone_and_its_lease_fits_nothing_any_more(units: MongoUnits) -> None:
    await add(units, "k1")
    [claim] = await take(units, "t1")
    await units.change(an_org_call(None), lambda change: finish(change, CRATES, "t1", claim.ids))
    assert await items(units) == []
    with pytest.raises(LeaseLost):
        await units.change(an_org_call(None), lambda change: finish(change, CRATES, "t1", claim.ids))


async def test_what_is_enqueued_while_it_runs_is_run_once_more(units: MongoUnits) -> None:
    await add(units, "k1")
    [claim] = await take(units, "t1")
    for weight in (1, 2, 3):
        await add(units, "k1", weight=weight)
    assert await take(units, "t2") == []
    await units.change(an_org_call(None), lambda change: finish(change, CRATES, "t1", claim.ids))

    [again] = await take(units, "t3")
    assert again.items[0].payload == '{"weight":3}'
    await units.change(an_org_call(None), lambda change: finish(change, CRATES, "t3", again.ids))
    assert await items(units) == []


async def test_an_expired_worker_can_neither_save_nor_finish_nor_write(units: MongoUnits, clock: FixedClock) -> None:
    await add(units, "k1")
    [claim] = await take(units, "t1")
    clock.advance(31)
    await wake_all(units)
    clock.advance(600)
    await wake_all(units)
    [other] = await take(units, "t2")
    assert other.ids == claim.ids

    async def late(change: Change) -> None:
        await change.insert(NOTES, Note(note_id="late", text="by a worker that had been given up"))
        await checkpoint(change, CRATES, "t1", claim.ids, Shipped(bites=1))

    for refused in (late, lambda change: finish(change, CRATES, "t1", claim.ids)):
        with pytest.raises(LeaseLost):
            await units.change(an_org_call(), refused)
    assert await units.database.collection("notes").find({"_id": "late"}) == []
    assert (await item(units, "k1"))["lease"] == "t2"


async def test_a_lease_that_is_renewed_does_not_expire(units: MongoUnits, clock: FixedClock) -> None:
    await add(units, "k1")
    claims = await take(units, "t1")
    clock.advance(20)
    assert await units.change(an_org_call(None), lambda change: renew(change, CRATES, claims)) == {"t1"}
    clock.advance(20)
    await wake_all(units)
    assert (await item(units, "k1"))["state"] == "leased"
    clock.advance(11)
    await wake_all(units)
    assert await units.change(an_org_call(None), lambda change: renew(change, CRATES, claims)) == set()


async def test_progress_is_there_after_a_crash_and_forgives_earlier_attempts(
    units: MongoUnits, clock: FixedClock
) -> None:
    await add(units, "k1")
    [claim] = await take(units, "t1")
    saved = Shipped(bites=4)
    await units.change(an_org_call(), lambda change: checkpoint(change, CRATES, "t1", claim.ids, saved))
    clock.advance(31)
    await wake_all(units)
    clock.advance(600)
    await wake_all(units)
    [again] = await take(units, "t2")
    assert (again.items[0].progress, again.items[0].attempts) == ('{"bites":4}', 1)


async def test_too_many_crashes_make_a_dead_letter(units: MongoUnits, clock: FixedClock) -> None:
    queue = a_queue(attempts_max=2)
    await add(units, "k1", queue=queue)
    dead: list[WorkItem] = []
    for number in range(2):
        assert len(await take(units, f"t{number}", queue=queue)) == 1
        clock.advance(61)
        dead = await wake_all(units, queue)
        clock.advance(600)
        await wake_all(units, queue)
    assert [each.key for each in dead] == ["k1"]
    assert "expired" in (await item(units, "k1"))["last_error"]
    assert await take(units, "t9", queue=queue) == []


async def test_a_failed_attempt_waits_and_the_error_is_kept(units: MongoUnits, clock: FixedClock) -> None:
    await add(units, "k1")
    [claim] = await take(units, "t1")
    await units.change(
        an_org_call(None), lambda change: fail(change, CRATES, "t1", claim.ids, "too heavy", 1.0, give_up=False)
    )
    assert await take(units, "t2") == []
    assert (await item(units, "k1"))["last_error"] == "too heavy"
    clock.advance(5)
    await wake_all(units)
    assert len(await take(units, "t3")) == 1


async def test_an_org_with_one_item_is_served_next_however_much_another_has(
    units: MongoUnits, clock: FixedClock
) -> None:
    await add_many(units, [f"k{n:04d}" for n in range(400)])
    clock.advance(1)
    assert [claim.orgcode for claim in await take(units, "t1")] == ["ACME"]
    clock.advance(1)
    await add(units, "one", org="BETA")
    clock.advance(1)
    await add(units, "one", org="GAMMA")
    served = []
    for number in range(6):
        clock.advance(1)
        served += [claim.orgcode for claim in await take(units, f"u{number}")]
    # At most one more of the busy org goes before each of the others.
    assert set(served[:4]) == {"ACME", "BETA", "GAMMA"}

    await add(units, "two", org="BETA")
    clock.advance(1)
    together = [claim.orgcode for claim in await take(units, *(f"v{n}" for n in range(4)))]
    assert "BETA" in together


async def test_an_org_that_is_passed_over_keeps_its_place(units: MongoUnits, clock: FixedClock) -> None:
    await add(units, "k1")
    await add(units, "k1", org="BETA")
    clock.advance(1)
    assert [claim.orgcode for claim in await take(units, "t1", "t2", passed_over={"ACME"})] == ["BETA"]
    assert [claim.orgcode for claim in await take(units, "t3", "t4")] == ["ACME"]


async def test_higher_lanes_go_first(units: MongoUnits) -> None:
    for lane in ("low", "normal", "high"):
        await add(units, lane, lane=lane)
    assert [each.items[0].key for each in await take(units, "t1", "t2", "t3")] == ["high", "normal", "low"]


async def test_what_waits_changes_its_lane_when_it_becomes_urgent(units: MongoUnits) -> None:
    await add(units, "k1", lane="low")
    await add(units, "k2", lane="normal")
    await add(units, "k1", lane="high")
    assert [each.items[0].key for each in await take(units, "t1")] == ["k1"]
    assert [each.items[0].key for each in await take(units, "t2", "t3")] == ["k2"]


async def test_what_is_due_later_waits_until_then(units: MongoUnits, clock: FixedClock) -> None:
    await add(units, "k1", due_utc=clock.advance(0)[:-5] + ".500Z")
    assert await take(units, "t1") == []
    clock.advance(0.499)
    await wake_all(units)
    assert await take(units, "t1") == []
    clock.advance(0.001)
    await wake_all(units)
    assert len(await take(units, "t1")) == 1


async def test_a_group_is_leased_together_and_by_one_worker_at_a_time(units: MongoUnits, clock: FixedClock) -> None:
    for key in ("a", "b", "c"):
        await add(units, key, group="style")
    await add(units, "alone")
    [first, second] = await take(units, "t1", "t2")
    assert sorted(each.key for each in first.items) == ["a", "b", "c"]
    assert [each.key for each in second.items] == ["alone"]

    await add(units, "d", group="style")
    await add(units, "a", group="style")
    assert await take(units, "t3") == []
    assert (await item(units, "d"))["state"] == "parked"
    await units.change(an_org_call(None), lambda change: finish(change, CRATES, "t1", first.ids))
    [third] = await take(units, "t4")
    assert sorted(each.key for each in third.items) == ["a", "d"]

    clock.advance(31)
    await wake_all(units)
    assert {each["state"] for each in await items(units)} == {"later"}, "they are lost together"


async def test_what_is_parked_wakes_when_the_worker_of_its_group_is_gone(units: MongoUnits, clock: FixedClock) -> None:
    await add(units, "a", group="style")
    await take(units, "t1")
    await add(units, "b", group="style")
    assert await take(units, "t2") == []
    clock.advance(30)
    await wake_all(units)
    [claim] = await take(units, "t3")
    assert "b" in [each.key for each in claim.items]


async def test_a_line_that_was_emptied_is_removed_in_the_end_and_made_anew(
    units: MongoUnits, clock: FixedClock
) -> None:
    await add(units, "k1")
    [claim] = await take(units, "t1")
    await units.change(an_org_call(None), lambda change: finish(change, CRATES, "t1", claim.ids))
    lines = units.database.collection("work_lines")
    for _ in range(4):
        assert len(await lines.find({"_id": {"$gt": ""}})) == 1
        assert await take(units, "t2") == []
        clock.advance(100)
    assert await lines.find({"_id": {"$gt": ""}}) == []

    await add(units, "k2")
    assert len(await take(units, "t3")) == 1
    assert await take(units, "t4") == []
    await add(units, "k3")
    assert len(await take(units, "t5")) == 1, "an empty line is looked at as soon as it is added to"


async def test_work_put_back_goes_on_after_the_others(units: MongoUnits, clock: FixedClock) -> None:
    await add(units, "k1")
    await add(units, "k2")
    [claim] = await take(units, "t1")
    await units.change(an_org_call(None), lambda change: put_back(change, CRATES, "t1", claim.ids, 10.0, stopped=False))
    assert {each.items[0].key for each in await take(units, "t2", "t3")} == {"k2"}
    clock.advance(10)
    await wake_all(units)
    assert {each.items[0].key for each in await take(units, "t4", "t5")} == {"k1"}


@pytest.mark.parametrize(
    ("key", "more", "problem"),
    [("", {}, "1 to 200"), ("k" * 201, {}, "1 to 200"), ("k", {"lane": "urgent"}, "no lane")],
)
async def test_what_cannot_be_kept_is_refused(units: MongoUnits, key: str, more: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        await add(units, key, **more)
