"""Changes while the database goes away: what was answered is there, nothing is there by half, nothing twice."""

import asyncio
import gc
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from functools import partial
from typing import Any, Literal

import msgspec
import pytest
from pymongo.errors import OperationFailure

from chassis.errors import Unavailable
from chassis.ids import new_id
from chassis.mongo import loading
from chassis.mongo.client import Database
from chassis.mongo.errors import DatabaseUnreachable, Transient, judge, translated
from chassis.mongo.unit import MongoUnits
from chassis.mongo.working_set import PendingReads, WorkingSet
from chassis.unit import Change
from deploy.local.engines.engine import Engine
from tests.chassis.data_given import FACTS, NOON, Fact, a_call, a_thing, add, events_of, keep, opened, thing_of
from tests.chassis.proxy_given import Cut, Proxy
from tests.waiting import stretched

DEADLINE_SECONDS = 60.0
LEAVES_A_SOCKET = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
"""PyMongo's own asyncio API, told to close while it tries to connect, drops the socket of that try without closing it
(`_async_create_connection` of 4.20). The collector closes it."""

DRIVERS = ["motor", pytest.param("pymongo", marks=LEAVES_A_SOCKET)]


@pytest.fixture(autouse=True)
def dropped_sockets() -> Iterator[None]:
    """Collect what a test has dropped before the next one begins, which would be charged with it."""
    yield
    gc.collect()


async def count(change: Change, fact_id: str) -> str:
    """One more, in three places at once."""
    thing = await add(change, "t1")
    fact = Fact(fact_id=fact_id, about="t1", number=thing.amount, recorded_utc=change.now)
    await change.insert(FACTS, fact)
    change.emit("thing.counted", "t1", thing=thing, fact_id=fact_id)
    return fact_id


async def counted(units: MongoUnits) -> list[str]:
    """The facts there are, after making sure that amount, facts and events agree."""
    thing = await thing_of(units, "t1")
    assert thing is not None
    facts = await units.database.collection("facts").find({})
    told = [event for event in await events_of(units.database) if event.type == "thing.counted"]
    ids = sorted(fact["_id"] for fact in facts)
    assert sorted(fact["number"] for fact in facts) == list(range(1, thing.amount + 1))
    assert thing.revision == thing.amount + 1
    assert sorted(msgspec.json.decode(event.body)["fact_id"] for event in told) == ids
    return ids


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_commit_whose_answer_is_lost_is_made_once(
    mongodb_uri: str, database_name: str, driver: Literal["motor", "pymongo"], cut: Cut
) -> None:
    async with Proxy(mongodb_uri) as proxy, opened(proxy.uri, database_name, driver) as units:
        await keep(units, a_thing())
        for n in range(1, 4):
            proxy.cut = cut
            wanted = [f"{n}-{place}" for place in range(5)]
            done = await asyncio.gather(*(units.change(a_call(), partial(count, fact_id=one)) for one in wanted))
            assert list(done) == wanted
        assert proxy.cuts == 3
        assert len(await counted(units)) == 15


@pytest.mark.outage
@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("cut", ["before", "after"])
async def test_a_server_that_has_forgotten_the_transaction_is_asked_for_what_it_wrote(
    private_mongodb: Engine, driver: Literal["motor", "pymongo"], cut: Cut
) -> None:
    async with (
        Proxy(private_mongodb.uri) as proxy,
        opened(proxy.uri, "forgotten", driver, wait_seconds=1.0) as units,
    ):
        await keep(units, a_thing())
        proxy.cut = cut
        change = asyncio.create_task(units.change(a_call(), partial(count, fact_id="one")))
        until = time.monotonic() + stretched(DEADLINE_SECONDS)
        while not (proxy.swallowed if cut == "after" else proxy.cuts):
            assert time.monotonic() < until
            await asyncio.sleep(0)
        await asyncio.to_thread(private_mongodb.kill)
        await asyncio.to_thread(private_mongodb.restart)

        assert await change == "one"
        assert await counted(units) == ["one"]
        # It was repeated only where it had not been made.
        assert units.stats.conflicts == (cut == "before")


@pytest.mark.outage
@pytest.mark.parametrize("driver", DRIVERS)
async def test_what_was_answered_outlives_the_kill_of_the_database(
    private_mongodb: Engine, driver: Literal["motor", "pymongo"]
) -> None:
    answered: Counter[str] = Counter()
    refused: set[str] = set()
    over = asyncio.Event()
    async with opened(private_mongodb.uri, "kill", driver, wait_seconds=1.0) as units:
        await keep(units, a_thing())

        async def work() -> None:
            while not over.is_set():
                fact_id = new_id(NOON)
                try:
                    answered[await units.change(a_call(), partial(count, fact_id=fact_id))] += 1
                except Unavailable:
                    refused.add(fact_id)

        async def reach(many: int) -> None:
            until = time.monotonic() + stretched(DEADLINE_SECONDS)
            while len(answered) < many:
                assert time.monotonic() < until, f"{len(answered)} of {many} after {DEADLINE_SECONDS} s"
                await asyncio.sleep(0.01)

        working = [asyncio.create_task(work()) for _ in range(24)]
        for _ in range(3):
            await reach(len(answered) + 300)
            await asyncio.to_thread(private_mongodb.kill)
            await asyncio.to_thread(private_mongodb.restart)
        await reach(len(answered) + 100)
        over.set()
        await asyncio.gather(*working)
        there = await counted(units)

    assert set(answered) <= set(there)
    assert set(there) <= set(answered) | refused
    assert set(answered.values()) == {1}


@pytest.mark.outage
@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_database_that_is_gone_is_said_soon_and_forgotten_when_it_is_back(
    private_mongodb: Engine, driver: Literal["motor", "pymongo"]
) -> None:
    async with opened(private_mongodb.uri, "gone", driver, wait_seconds=0.5) as units:
        await keep(units, a_thing())
        await asyncio.to_thread(private_mongodb.kill)
        started = time.monotonic()
        answers = await asyncio.gather(
            *(units.change(a_call(), partial(count, fact_id=f"f{n}")) for n in range(40)),
            *(thing_of(units, "t1") for _ in range(40)),
            return_exceptions=True,
        )
        assert {type(answer) for answer in answers} == {Unavailable}
        assert time.monotonic() - started < 10
        with pytest.raises(DatabaseUnreachable):
            await units.database.ping()

        await asyncio.to_thread(private_mongodb.restart)
        assert await units.change(a_call(), partial(count, fact_id="back")) == "back"
        assert await counted(units) == ["back"]


@LEAVES_A_SOCKET
async def test_no_database_at_all_is_said_in_one_line() -> None:
    with pytest.raises(DatabaseUnreachable, match="no MongoDB answers"):
        await Database.connect("mongodb://127.0.0.1:1/", "none", "pymongo", wait_seconds=0.1)


@pytest.mark.parametrize(
    "cause",
    [
        OperationFailure('Internal("transaction already closed")'),
        OperationFailure("interrupted at shutdown", 11600),
        OperationFailure("no such transaction", 251),
        OperationFailure("not primary", 10107),
    ],
    ids=str,
)
def test_what_a_dying_server_says_may_be_tried_again(cause: OperationFailure) -> None:
    assert isinstance(translated(cause), Transient)
    with pytest.raises(Transient):
        judge({"writeErrors": [{"code": cause.code, "errmsg": str(cause)}]})


def test_other_errors_of_the_server_are_defects() -> None:
    assert isinstance(translated(OperationFailure("unknown operator: $x", 2)), OperationFailure)


async def test_a_failed_read_leaves_no_coroutine_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = PendingReads()
    for name in ("first", "second", "third"):
        reads.add_id(name, "x")
    asked: list[str] = []

    async def fail(_: Any, __: Any, collection: str, *___: Any) -> None:
        asked.append(collection)
        raise DatabaseUnreachable("away")

    monkeypatch.setattr(loading, "_load_ids", fail)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        with pytest.raises(DatabaseUnreachable):
            await loading.load(None, WorkingSet(), reads, Any)  # type: ignore[arg-type]
        assert asked == ["first"]
        with pytest.raises(DatabaseUnreachable):
            await loading.load(None, WorkingSet(), reads, None)  # type: ignore[arg-type]
        gc.collect()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
