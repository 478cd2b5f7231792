"""The events of a Change, in order, and a silent event for each record that none of them is about."""

import asyncio
from functools import partial

import pytest
from msgspec.structs import replace

from chassis.defects import Undeclared
from chassis.errors import (
    NotFound,
)
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change
from tests.chassis.data_given import (
    FACTS,
    SEEN,
    THINGS,
    Fact,
    Seen,
    Thing,
    a_call,
    a_thing,
    add,
    events_of,
    keep,
)


async def test_a_record_without_an_event_gets_a_silent_one(units: MongoUnits) -> None:
    await keep(units, a_thing("t1", secret="hush"), a_thing("t2"))

    async def act(change: Change) -> None:
        thing = await change.update(THINGS, replace(await change.load(THINGS, "t1"), amount=3), "because")
        await change.delete(THINGS, await change.load(THINGS, "t2"))
        await change.insert(FACTS, Fact(fact_id="f1", about="t1", number=1, recorded_utc=change.now))
        await change.insert(SEEN, Seen(seen_id="s1", at_utc=change.now))
        change.emit("thing.counted", "t1", thing=thing, note="n")

    await units.change(a_call(cccode="AAAA-BBBB-CCCC", traceparent="00-1-2-01"), act)

    events = await events_of(units.database)
    assert [(event.type, event.subject, event.published, event.pending) for event in events] == [
        ("things.thing.recorded", "t1", False, False),
        ("things.thing.recorded", "t2", False, False),
        ("thing.counted", "t1", True, True),
        ("things.thing.recorded", "t2", False, False),
    ]
    counted, removed = events[2:]
    assert (counted.revision, counted.reason, counted.cccode, counted.traceparent) == (
        2,
        "because",
        "AAAA-BBBB-CCCC",
        "00-1-2-01",
    )
    assert [(one.entity, one.id, one.revision) for one in counted.touched] == [
        ("thing", "t1", 2),
        ("thing", "t2", 0),
        ("fact", "f1", 0),
    ]
    assert counted.body.startswith('{"orgcode":"ACME","actor":"ann","revision":2,"cccode":"AAAA-BBBB-CCCC","thing":{')
    assert counted.body.endswith(',"note":"n"}')
    assert '"deleted":true' in removed.body
    assert not any("hush" in event.body for event in events)


async def test_events_are_in_the_order_they_were_told_in(units: MongoUnits) -> None:
    await keep(units, a_thing())

    async def tell(change: Change, n: int) -> None:
        thing = await add(change, "t1")
        change.emit("thing.a", "t1", thing=thing, n=n)
        change.emit("thing.b", "t1", thing=thing, n=n)

    await asyncio.gather(*(units.change(a_call(), partial(tell, n=n)) for n in range(50)))

    told = [(event.type, event.revision) for event in (await events_of(units.database))[1:]]
    assert told == [(kind, revision) for revision in range(2, 52) for kind in ("thing.a", "thing.b")]


async def test_an_event_that_is_not_declared_is_a_defect(units: MongoUnits) -> None:
    async def tell(change: Change) -> None:
        change.emit("thing.other", "t1")

    with pytest.raises(Undeclared, match=r"thing_change emits thing\.other"):
        await units.change(a_call(), tell, emits=["thing.made"])


async def test_commits_with_events_are_told_to_whoever_listens(units: MongoUnits) -> None:
    heard: list[int] = []
    units.on_commit(lambda: heard.append(1))
    await keep(units, a_thing())
    with pytest.raises(NotFound):
        await units.change(a_call(), lambda change: change.load(THINGS, "none"))
    assert heard == [1]


async def test_a_large_number_in_a_map_comes_back_as_it_was(units: MongoUnits) -> None:
    await keep(units, a_thing(extra={"big": 2**40, "list": [{"n": 2**41}]}))

    async def tell(change: Change) -> Thing:
        thing = await add(change, "t1")
        change.emit("thing.told", "t1", thing=thing)
        return thing

    assert (await units.change(a_call(), tell)).extra == {"big": 2**40, "list": [{"n": 2**41}]}
