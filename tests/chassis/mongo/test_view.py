"""What a View promises, with either driver."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any, Literal

import pytest

from chassis.defects import HeldUp
from chassis.errors import NotFound
from chassis.mongo.client import Database
from chassis.mongo.loading import load
from chassis.mongo.transaction import Transaction
from chassis.mongo.unit import MongoUnits
from chassis.mongo.working_set import PendingReads, WorkingSet
from chassis.unit import Change, View, between, one_of
from tests.chassis.data_given import THINGS, Part, a_call, a_thing, add, keep, opened, thing_of


@pytest.fixture(params=["motor", "pymongo"])
async def units(request: pytest.FixtureRequest, mongodb_uri: str, database_name: str) -> AsyncIterator[MongoUnits]:
    """Units of the test's own database."""
    driver: Literal["motor", "pymongo"] = "motor" if request.param == "motor" else "pymongo"
    async with opened(mongodb_uri, database_name, driver) as opening:
        yield opening


@pytest.fixture(params=[False, True], ids=["live", "snapshot"])
def snapshot(request: pytest.FixtureRequest) -> bool:
    """Both ways of reading promise the same of one record."""
    return bool(request.param)


async def test_a_view_reads_what_is_kept(units: MongoUnits, snapshot: bool) -> None:
    await keep(units, *(a_thing(f"t{n}", amount=n) for n in range(5)))

    async def look(view: View) -> tuple[Any, ...]:
        view.prefetch(THINGS, ["t0", "none"])
        view.prefetch(THINGS, [("here", "T1")], by="place_code")
        return (
            [one and one.amount for one in (await view.get(THINGS, "t0"), await view.get(THINGS, "none"))],
            sorted(await view.get_many(THINGS, ["t1", "t2", "none"])),
            sorted(await view.lookup_many(THINGS, "place_code", [("here", "T3"), ("there", "T3")])),
            (await view.load(THINGS, "t4")).amount,
        )

    assert await units.view(a_call(), look, snapshot=snapshot) == ([0, None], ["t1", "t2"], [("here", "T3")], 4)
    with pytest.raises(NotFound, match="no such thing"):
        await units.view(a_call("OTHER"), lambda view: view.load(THINGS, "t1"), snapshot=snapshot)


async def test_prefetched_records_and_reads_asked_together_take_one_round_trip(
    units: MongoUnits, snapshot: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await keep(units, *(a_thing(f"t{n}", amount=n, place=f"p{n}") for n in range(4)))
    loads: list[PendingReads] = []

    async def counted(database: Database, held: WorkingSet, wants: PendingReads, within: Transaction | None) -> None:
        loads.append(wants)
        await load(database, held, wants, within)

    monkeypatch.setattr("chassis.mongo.reader.load", counted)

    async def look(view: View) -> tuple[Any, ...]:
        view.prefetch(THINGS, ["t1"])
        view.prefetch(THINGS, [("p2", "T2")], by="place_code")
        found = await view.together(
            view.find(THINGS, {"place": place, "status": "on", "amount": between(at_least=0)}) for place in ("p0", "p3")
        )
        one, two = await view.load(THINGS, "t1"), await view.lookup(THINGS, "place_code", "p2", "T2")
        return [[each.thing_id for each in part] for part in found], one.thing_id, two and two.thing_id

    assert await units.view(a_call(), look, snapshot=snapshot) == ([["t0"], ["t3"]], "t1", "t2")
    assert len(loads) == 1


async def test_a_refusal_among_reads_asked_together_is_raised_at_once(units: MongoUnits, snapshot: bool) -> None:
    asked: list[str] = []

    async def refused(name: str) -> None:
        asked.append(name)
        raise NotFound(name)

    with pytest.raises(NotFound, match="first"):
        await units.view(
            a_call(), lambda view: view.together(refused(name) for name in ("first", "second")), snapshot=snapshot
        )
    assert asked == ["first"]


async def test_a_view_sees_every_change_that_was_answered(units: MongoUnits, snapshot: bool) -> None:
    await keep(units, a_thing())

    async def go_on(times: int) -> None:
        for _ in range(times):
            thing = await units.change(a_call(), lambda change: add(change, "t1"))
            seen = await units.view(a_call(), lambda view: view.load(THINGS, "t1"), snapshot=snapshot)
            assert seen.revision >= thing.revision

    await asyncio.gather(*(go_on(10) for _ in range(8)))


async def test_concurrent_views_share_their_reads(units: MongoUnits, snapshot: bool) -> None:
    await keep(units, *(a_thing(f"t{n}", amount=n, place=f"p{n % 3}") for n in range(64)))
    before = units.stats.view_batches

    async def look(view: View, n: int) -> tuple[int, int]:
        thing = await view.load(THINGS, f"t{n}")
        found = await view.find(THINGS, {"place": thing.place, "status": "on", "amount": between(at_most=n)})
        return thing.amount, len(found)

    answers = await asyncio.gather(*(units.view(a_call(), partial(look, n=n), snapshot=snapshot) for n in range(64)))

    assert answers == [(n, n // 3 + 1) for n in range(64)]
    assert units.stats.view_batches - before <= 8


async def test_what_a_snapshot_reads_is_of_one_moment(units: MongoUnits) -> None:
    await keep(units, a_thing("t1"), a_thing("t2"))
    stop = asyncio.Event()

    async def both(change: Change) -> None:
        await add(change, "t1")
        await add(change, "t2", -1)

    async def write() -> None:
        while not stop.is_set():
            await units.change(a_call(), both)

    async def look(view: View) -> int:
        first = await view.load(THINGS, "t1")
        # Asked for only now, so read in a round of its own.
        return first.amount + (await view.load(THINGS, "t2")).amount

    writing = asyncio.create_task(write())
    for _ in range(30):
        sums = await asyncio.gather(*(units.view(a_call(), look, snapshot=True) for _ in range(4)))
        assert sums == [0, 0, 0, 0]
    stop.set()
    await writing


async def test_queries_come_in_their_order_and_go_on_behind_a_record(units: MongoUnits, snapshot: bool) -> None:
    await keep(units, *(a_thing(f"t{n}", amount=n // 2) for n in range(6)))

    async def look(view: View, **asked: Any) -> list[str]:
        where = {"place": "here", "status": "on"}
        return [thing.thing_id for thing in await view.find(THINGS, where, **asked)]

    async def seen(**asked: Any) -> list[str]:
        return await units.view(a_call(), lambda view: look(view, **asked), snapshot=snapshot)

    assert await seen() == await seen(order=["amount"]) == ["t0", "t1", "t2", "t3", "t4", "t5"]
    assert await seen(order=["-amount"], limit=3) == ["t5", "t4", "t3"]
    assert await seen(order=["-amount"], after=[1, "t3"]) == ["t2", "t1", "t0"]
    assert await seen(order=["amount"], after=[1, "t2"], limit=2) == ["t3", "t4"]
    assert await seen(rest={"code": one_of(["T1", "T5", "T9"])}) == ["t1", "t5"]
    assert await seen(rest={"amount": one_of([])}) == []


async def test_values_inside_lists_are_found(units: MongoUnits, snapshot: bool) -> None:
    await keep(units, a_thing("t1", parts=[Part(code="A"), Part(code="B")]), a_thing("t2"))

    found = await units.view(a_call(), lambda view: view.find(THINGS, {"parts.code": "B"}), snapshot=snapshot)

    assert [thing.thing_id for thing in found] == ["t1"]


async def test_an_error_in_a_view_is_its_own_alone(units: MongoUnits, snapshot: bool) -> None:
    await keep(units, a_thing())

    async def stumble(view: View) -> None:
        await view.load(THINGS, "t1")
        raise ZeroDivisionError

    async def wait(view: View) -> None:
        await asyncio.sleep(0)

    async def look(view: View) -> int:
        return (await view.load(THINGS, "t1")).amount

    answers = await asyncio.gather(
        *(units.view(a_call(), handler, snapshot=snapshot) for handler in (stumble, wait, look, look)),
        return_exceptions=True,
    )

    assert [type(answer) for answer in answers[:2]] == [ZeroDivisionError, HeldUp]
    assert answers[2:] == [0, 0]


async def test_every_org_is_read_only_by_saying_so(units: MongoUnits, snapshot: bool) -> None:
    await keep(units, a_thing("t1"))
    await keep(units, a_thing("t2"), org="OTHER")

    async def look(view: View) -> list[str]:
        found = await view.every_org().find(THINGS, {"status": "on"}, order=["-amount"])
        return sorted(thing.orgcode for thing in found)

    assert await units.view(a_call(None), look, snapshot=snapshot) == ["ACME", "OTHER"]


async def test_a_caller_who_left_costs_nobody_anything(units: MongoUnits, snapshot: bool) -> None:
    await keep(units, a_thing())
    gone = asyncio.create_task(units.view(a_call(), lambda view: view.load(THINGS, "t1"), snapshot=snapshot))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert await thing_of(units, "t1") is not None


@pytest.mark.parametrize("moment", [True, False])
async def test_reading_at_length_is_of_one_moment_unless_told_otherwise(units: MongoUnits, moment: bool) -> None:
    await keep(units, a_thing("t0"), a_thing("t1"))

    async with units.snapshot_reader(a_call(), moment=moment) as reader:
        before = [one.thing_id for one in await reader.find(THINGS, {"place": "here"})]
        await keep(units, a_thing("t2"))
        after = [one.thing_id for one in await reader.find(THINGS, {"place": "here"})]

    assert sorted(before) == ["t0", "t1"]
    assert sorted(after) == (["t0", "t1"] if moment else ["t0", "t1", "t2"])
