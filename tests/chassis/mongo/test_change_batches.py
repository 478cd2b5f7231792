"""Changes that share transactions: they run in order, none loses a write, and a failing one harms no other."""

import asyncio
from functools import partial
from typing import Literal

import pytest

from chassis.errors import InvalidState, Unavailable
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change, between
from tests.chassis.data_given import FACTS, THINGS, Fact, a_call, a_thing, add, events_of, keep, opened, thing_of


async def test_a_refused_change_leaves_nothing_and_its_neighbours_go_on(units: MongoUnits) -> None:
    await keep(units, a_thing(amount=5))

    async def take(change: Change) -> int:
        thing = await add(change, "t1", -2)
        change.emit("thing.taken", "t1", thing=thing)
        if thing.amount < 0:
            raise InvalidState("not enough")
        return thing.amount

    answers = await asyncio.gather(*(units.change(a_call(), take) for _ in range(4)), return_exceptions=True)

    assert [answer for answer in answers if isinstance(answer, int)] == [3, 1]
    assert [type(answer) for answer in answers[2:]] == [InvalidState, InvalidState]
    assert units.stats.batches == 2
    kept = await thing_of(units, "t1")
    assert kept is not None
    assert (kept.amount, kept.revision) == (1, 3)
    assert [event.type for event in await events_of(units.database)] == [
        "things.thing.recorded",
        "thing.taken",
        "thing.taken",
    ]


async def test_what_arrives_together_shares_a_few_transactions(units: MongoUnits) -> None:
    await keep(units, a_thing())
    before = units.stats.batches

    answers = await asyncio.gather(*(units.change(a_call(), lambda change: add(change, "t1")) for _ in range(300)))

    assert sorted(thing.amount for thing in answers) == list(range(1, 301))
    assert sorted(thing.revision for thing in answers) == list(range(2, 302))
    assert units.stats.batches - before <= 5
    kept = await thing_of(units, "t1")
    assert kept is not None
    assert (kept.amount, kept.revision) == (300, 301)


async def test_operations_are_served_in_the_order_they_came(units: MongoUnits) -> None:
    await keep(units, a_thing())
    answers = await asyncio.gather(*(units.change(a_call(), lambda change: add(change, "t1")) for _ in range(40)))
    assert [thing.amount for thing in answers] == list(range(1, 41))


async def test_a_query_waits_for_what_a_neighbour_has_just_written(units: MongoUnits) -> None:
    await keep(units, a_thing(amount=1))

    async def write(change: Change) -> None:
        await change.insert(THINGS, a_thing("t2", amount=2))

    async def count(change: Change) -> int:
        found = await change.find(THINGS, {"place": "here", "status": "on", "amount": between(at_least=0)})
        await change.insert(THINGS, a_thing(f"c{len(found)}", place="elsewhere"))
        return len(found)

    _, seen, unaffected = await asyncio.gather(
        units.change(a_call(), write),
        units.change(a_call(), count),
        units.change(a_call("OTHER"), count),
    )

    assert (seen, unaffected) == (2, 0)
    assert units.stats.deferrals == 1


async def test_queries_that_keep_standing_in_each_others_way_all_end(units: MongoUnits) -> None:
    async def number(change: Change) -> int:
        found = await change.find(THINGS, {"place": "here", "status": "on"}, order=["-amount"], limit=1)
        amount = found[0].amount + 1 if found else 1
        await change.insert(THINGS, a_thing(f"n{amount}", amount=amount))
        return amount

    numbers = await asyncio.gather(*(units.change(a_call(), number) for _ in range(12)))

    assert sorted(numbers) == list(range(1, 13))


async def test_two_processes_on_one_record_lose_nothing(
    units: MongoUnits, mongodb_uri: str, database_name: str, driver: Literal["motor", "pymongo"]
) -> None:
    await keep(units, a_thing(), a_thing("t2"))
    async with opened(mongodb_uri, database_name, driver) as other:

        async def some(mine: MongoUnits) -> None:
            for _ in range(20):
                changes = (mine.change(a_call(), lambda change: add(change, "t1")) for _ in range(5))
                await asyncio.gather(*changes)

        await asyncio.gather(some(units), some(other))

    kept = await thing_of(units, "t1")
    assert kept is not None
    assert (kept.amount, kept.revision) == (200, 201)


async def test_an_unexpected_error_is_its_own_operations_alone(units: MongoUnits) -> None:
    async def stumble(change: Change) -> None:
        await change.insert(THINGS, a_thing("bad"))
        raise ZeroDivisionError

    async def unkeepable(change: Change) -> None:
        await change.insert(THINGS, a_thing("worse", extra={"huge": 2**70}))

    async def good(change: Change, name: str) -> str:
        return (await change.insert(THINGS, a_thing(name))).thing_id

    names = [f"t{n}" for n in range(9)]
    answers = await asyncio.gather(
        units.change(a_call(), stumble),
        units.change(a_call(), unkeepable),
        *(units.change(a_call(), partial(good, name=name)) for name in names),
        return_exceptions=True,
    )

    assert [type(answer) for answer in answers[:2]] == [ZeroDivisionError, OverflowError]
    assert answers[2:] == names
    assert units.stats.splits > 0
    assert [await thing_of(units, name) is not None for name in ("bad", "worse", *names)] == [False] * 2 + [True] * 9


async def test_many_writes_are_spread_over_several_transactions(units: MongoUnits) -> None:
    async def many(change: Change, n: int) -> None:
        for place in range(150):
            await change.insert(
                FACTS, Fact(fact_id=f"{n}-{place}", about=f"a{n}", number=place, recorded_utc=change.now)
            )

    await asyncio.gather(*(units.change(a_call(), partial(many, n=n)) for n in range(16)))

    assert units.stats.batches >= 2
    assert await units.database.collection("facts").count({}) == 2400


async def test_a_stopped_engine_has_finished_what_waited_and_takes_nothing_more(
    mongodb_uri: str, database_name: str
) -> None:
    async with opened(mongodb_uri, database_name) as units:
        await keep(units, a_thing())
        waiting = [asyncio.ensure_future(units.change(a_call(), lambda change: add(change, "t1"))) for _ in range(20)]
        await asyncio.sleep(0)
        await units.stop()
        assert [thing.amount for thing in await asyncio.gather(*waiting)] == list(range(1, 21))
        with pytest.raises(Unavailable):
            await thing_of(units, "t1")
        with pytest.raises(Unavailable):
            await keep(units, a_thing("t2"))
