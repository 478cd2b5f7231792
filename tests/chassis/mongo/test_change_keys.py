"""Unique keys and ids in a Change: taken in the database, by a neighbour, given up and taken anew."""

import asyncio
from functools import partial

import pytest
from msgspec.structs import replace

from chassis.errors import (
    Conflict,
)
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change
from tests.chassis.data_given import (
    THINGS,
    Thing,
    a_call,
    a_thing,
    keep,
    thing_of,
)


async def test_a_key_taken_in_the_database_is_a_conflict_for_that_operation_alone(units: MongoUnits) -> None:
    await keep(units, a_thing("t1", code="A"))

    async def make(change: Change, thing_id: str, code: str) -> str:
        await change.insert(THINGS, a_thing(thing_id, code=code))
        return thing_id

    wanted = [("t2", "B"), ("t3", "A"), ("t4", "C")]
    answers = await asyncio.gather(
        *(units.change(a_call(), partial(make, thing_id=one[0], code=one[1])) for one in wanted),
        return_exceptions=True,
    )

    assert [str(answer) for answer in answers] == ["t2", "the code is taken in this place", "t4"]
    assert isinstance(answers[1], Conflict)
    assert await thing_of(units, "t3") is None


async def test_a_key_taken_by_a_neighbour_is_a_conflict(units: MongoUnits) -> None:
    async def make(change: Change, thing_id: str) -> str:
        await change.insert(THINGS, a_thing(thing_id, code="A"))
        return thing_id

    answers = await asyncio.gather(
        *(units.change(a_call(), partial(make, thing_id=f"t{n}")) for n in range(3)), return_exceptions=True
    )

    assert answers[0] == "t0"
    assert [type(answer) for answer in answers[1:]] == [Conflict, Conflict]
    assert (units.stats.batches, units.stats.duplicates) == (1, 0)


async def test_a_partial_key_binds_only_those_it_covers(units: MongoUnits) -> None:
    await keep(units, a_thing("t1", code="A", status="off"), a_thing("t2", code="a"))

    async def turn_on(change: Change) -> None:
        thing = await change.load(THINGS, "t1")
        await change.update(THINGS, replace(thing, status="on"))

    with pytest.raises(Conflict, match="the name is taken"):
        await units.change(a_call(), turn_on)


async def test_a_key_given_up_can_be_taken_in_the_same_batch(units: MongoUnits) -> None:
    await keep(units, a_thing("t1", code="A"), a_thing("t2", code="B"))

    async def rename(change: Change) -> None:
        thing = await change.load(THINGS, "t1")
        await change.update(THINGS, replace(thing, code="Z"))

    async def remove(change: Change) -> None:
        await change.delete(THINGS, await change.load(THINGS, "t2"))

    async def retake(change: Change) -> list[Thing | None]:
        change.prefetch(THINGS, [("here", "A"), ("here", "Z")], by="place_code")
        found = [await change.lookup(THINGS, "place_code", "here", code) for code in ("A", "B", "Z")]
        await change.insert(THINGS, a_thing("t3", code="A"))
        await change.insert(THINGS, a_thing("t4", code="B"))
        return found

    _, _, found = await asyncio.gather(
        units.change(a_call(), rename), units.change(a_call(), remove), units.change(a_call(), retake)
    )

    assert [thing and thing.thing_id for thing in found] == [None, None, "t1"]
    assert units.stats.duplicates == 0


async def test_an_id_that_exists_is_a_conflict(units: MongoUnits) -> None:
    await keep(units, a_thing())
    with pytest.raises(Conflict, match="exists already"):
        await keep(units, a_thing(code="OTHER"))


async def test_who_makes_ids_anew_at_every_run_is_told_of_a_taken_key_all_the_same(units: MongoUnits) -> None:
    async def make(change: Change) -> tuple[str, str]:
        first, second = change.new_id(), change.new_id()
        await change.insert(THINGS, a_thing(first, code="A"))
        return first, second

    first, second = await units.change(a_call(), make)
    assert first < second
    refused = await asyncio.gather(*(units.change(a_call(), make) for _ in range(5)), return_exceptions=True)
    assert [str(refusal) for refusal in refused] == ["the code is taken in this place"] * 5
