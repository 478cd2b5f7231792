"""Operations that read or write far more than others leave the shared batch by themselves, and hold nobody up."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from chassis.errors import InvalidState
from chassis.mongo.limits import (
    BATCH_BYTES_MAX,
    BATCH_OPERATIONS_MAX,
    BATCH_OPERATIONS_MIN,
    BATCH_SECONDS_MAX,
    LARGE_BYTES,
    LARGE_DOCUMENTS,
    LARGE_READS,
    LARGE_RECORD_ITEMS,
    LARGE_TOGETHER,
)
from chassis.mongo.pace import EXPECTED_AFTER, BatchPace, LargeCalls
from chassis.mongo.table import Table
from chassis.mongo.unit import MongoUnits
from chassis.unit import Change, View
from tests.chassis.data_given import FACTS, THINGS, Fact, Part, a_call, a_thing, add, keep, opened, thing_of
from tests.waiting import within

PATIENCE_SECONDS = 30


@pytest.fixture
async def units(mongodb_uri: str, database_name: str) -> AsyncIterator[MongoUnits]:
    """An engine of our own."""
    async with opened(mongodb_uri, database_name, "motor") as opening:
        yield opening


class Stop:
    """Stops a handler that runs in a thread until it is let go, and lets one on the event loop pass."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.go = threading.Event()

    def here(self) -> None:
        """Wait, in a thread."""
        if threading.current_thread() is not threading.main_thread():
            self.reached.set()
            assert self.go.wait(PATIENCE_SECONDS)

    async def while_stopped(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Do this while the handler stands still, then let it go."""
        try:
            async with within(PATIENCE_SECONDS):
                assert await asyncio.to_thread(self.reached.wait, PATIENCE_SECONDS)
                return await work()
        finally:
            self.go.set()


def many_ids(number: int) -> list[str]:
    """So many ids of nothing."""
    return [f"none{place}" for place in range(number)]


async def insert_facts(change: Change, number: int) -> int:
    """Write the given number of documents."""
    for place in range(number):
        await change.insert(FACTS, Fact(fact_id=change.new_id(), about="x", number=place, recorded_utc=change.now))
    return number


async def write_many(change: Change) -> None:
    await insert_facts(change, LARGE_DOCUMENTS + 1)


async def read_many(change: Change) -> None:
    await change.get_many(THINGS, many_ids(LARGE_READS + 1))
    await add(change, "t1")


async def write_much(change: Change) -> None:
    await change.insert(FACTS, Fact(fact_id=change.new_id(), about="x" * 8, number=1, recorded_utc=change.now))
    change.emit("thing.told", "t1", text="x" * LARGE_BYTES)


@pytest.mark.parametrize("large", [write_many, read_many, write_much])
async def test_a_large_change_is_run_in_a_thread_while_others_are_committed(
    units: MongoUnits, large: Callable[[Change], Awaitable[None]]
) -> None:
    await keep(units, a_thing("t1"), a_thing("light", amount=0))
    stop = Stop()

    async def handler(change: Change) -> None:
        await large(change)
        stop.here()

    slow = asyncio.create_task(units.change(a_call(), handler))

    async def others() -> None:
        for _ in range(3):
            await units.change(a_call(), lambda change: add(change, "light"))
        assert not slow.done()

    await stop.while_stopped(others)
    await slow
    light = await thing_of(units, "light")
    assert light is not None
    assert (light.amount, units.stats.heavy) == (3, 1)


async def found_many(view: View) -> int:
    return len(await view.find(FACTS, {"about": "x"}, order=["number"]))


async def got_many(view: View) -> int:
    await view.get_many(THINGS, many_ids(LARGE_READS + 1))
    return LARGE_READS + 1


@pytest.mark.parametrize("snapshot", [False, True])
@pytest.mark.parametrize("large", [found_many, got_many])
async def test_a_large_view_is_run_in_a_thread_while_others_are_answered(
    units: MongoUnits, large: Callable[[View], Awaitable[int]], snapshot: bool
) -> None:
    await units.change(a_call(), lambda change: insert_facts(change, LARGE_READS + 1))
    await keep(units, a_thing("light"))
    stop = Stop()

    async def handler(view: View) -> int:
        number = await large(view)
        stop.here()
        return number

    slow = asyncio.create_task(units.view(a_call(), handler, snapshot=snapshot))

    async def others() -> None:
        for _ in range(3):
            thing = await units.view(a_call(), lambda view: view.load(THINGS, "light"), snapshot=snapshot)
            assert thing.thing_id == "light"
        assert not slow.done()

    await stop.while_stopped(others)
    assert await slow == LARGE_READS + 1
    assert units.stats.large_views == 1


async def test_two_large_changes_of_one_record_both_count(units: MongoUnits) -> None:
    await keep(units, a_thing("t1", amount=0))

    async def handler(change: Change) -> None:
        await read_many(change)

    calls: list[Any] = [units.change(a_call(), handler) for _ in range(4)]
    calls += [units.change(a_call(), lambda change: add(change, "t1")) for _ in range(20)]
    await asyncio.gather(*calls)

    kept = await thing_of(units, "t1")
    assert kept is not None
    assert (kept.amount, kept.revision, units.stats.heavy) == (24, 25, 4)


async def test_operations_that_read_one_large_record_share_its_transaction(units: MongoUnits) -> None:
    parts = [Part(code=f"P{place}") for place in range(LARGE_RECORD_ITEMS + 1)]
    await keep(units, a_thing("t1", amount=0, parts=parts), a_thing("light", amount=0))
    units.stats.take_sizes()
    threads: set[bool] = set()

    async def handler(change: Change) -> None:
        await add(change, "t1")
        threads.add(threading.current_thread() is threading.main_thread())

    calls: list[Any] = [units.change(a_call(), handler) for _ in range(LARGE_TOGETHER)]
    await asyncio.gather(*calls, units.change(a_call(), lambda change: add(change, "light")))

    assert threads == {False}, "the record is never decoded on the event loop"
    kept = await thing_of(units, "t1")
    assert kept is not None
    assert (kept.amount, kept.revision) == (LARGE_TOGETHER, LARGE_TOGETHER + 1)
    large = [size for size in units.stats.take_sizes() if size.lane == "large"]
    assert len(large) < LARGE_TOGETHER / 2
    assert units.stats.large_views == 1


async def test_a_batch_ends_where_its_bytes_do(units: MongoUnits) -> None:
    each = LARGE_BYTES - 4096
    await keep(units, *(a_thing(f"t{place}") for place in range(24)))
    units.stats.take_sizes()

    def told(thing_id: str) -> Callable[[Change], Awaitable[None]]:
        async def handler(change: Change) -> None:
            await add(change, thing_id)
            change.emit("thing.told", thing_id, text="x" * (each - 4096))

        return handler

    await asyncio.gather(*(units.change(a_call(), told(f"t{place}")) for place in range(24)))

    sizes = units.stats.take_sizes()
    assert {size.lane for size in sizes} == {"shared"}
    assert sum(size.documents for size in sizes) == 48
    assert 3 <= len(sizes) <= 4
    assert all(each < size.bytes < BATCH_BYTES_MAX + LARGE_BYTES for size in sizes)


async def test_a_document_too_large_for_the_server_is_refused(units: MongoUnits) -> None:
    await keep(units, a_thing("t1"), a_thing("t2", amount=0))

    async def huge(change: Change) -> None:
        thing = await change.load(THINGS, "t1")
        await change.update(THINGS, replace(thing, extra={"text": "x" * (17 * 1024 * 1024)}))

    refused, light = await asyncio.gather(
        units.change(a_call(), huge), units.change(a_call(), lambda change: add(change, "t2")), return_exceptions=True
    )

    assert isinstance(refused, InvalidState)
    assert refused.details == {"status": "too_large"}
    assert getattr(light, "amount", light) == 1


def test_the_items_of_a_record_are_those_of_its_lists_and_mappings() -> None:
    table = Table(THINGS)

    assert table.items_of(None) == table.items_of(a_thing()) == 0
    assert table.items_of(a_thing(parts=[Part(code="A")] * 10, extra={"one": 1})) == 11
    assert Table(FACTS).lists == ()


@pytest.mark.parametrize(
    ("seconds_each", "taken"),
    [
        (BATCH_SECONDS_MAX / 10_000, BATCH_OPERATIONS_MAX),
        (BATCH_SECONDS_MAX / 50, 50),
        (BATCH_SECONDS_MAX, BATCH_OPERATIONS_MIN),
    ],
)
def test_a_batch_takes_what_the_last_ones_could_complete_in_time(seconds_each: float, taken: int) -> None:
    pace = BatchPace()
    for _ in range(60):
        pace.note(pace.operations, pace.operations * seconds_each)
    assert pace.operations == pytest.approx(taken, abs=1)
    for _ in range(60):
        pace.note(1, 10.0)
    assert pace.operations == pytest.approx(taken, abs=1), "a lone operation says nothing of many"
    for _ in range(100):
        pace.note(pace.operations, 0.0)
    assert pace.operations == BATCH_OPERATIONS_MAX


def test_a_call_that_is_large_as_a_rule_is_expected_to_be() -> None:
    calls = LargeCalls()
    noted: Sequence[bool] = [True] * EXPECTED_AFTER
    for large in noted:
        assert not calls.expected("import")
        calls.note("import", large=large)
    assert calls.expected("import")
    assert not calls.expected("other")
    calls.note("import", large=False)
    assert not calls.expected("import")
