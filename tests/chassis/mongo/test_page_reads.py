"""A page reads what its records need, however many lie behind it and however they lie in time."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from chassis.clock import FixedClock
from chassis.mongo.direct_reader import DirectReader
from chassis.mongo.unit import MongoUnits
from chassis.page import PageRequest
from chassis.unit import Change
from tests.chassis.data_given import NOON, THINGS, a_call, a_thing, opened
from tests.reading import reads_of

DAY = 24 * 3600.0


LIMIT = 20


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
async def units(
    mongodb_uri: str, mongodb_engine: str, database_name: str, clock: FixedClock
) -> AsyncIterator[MongoUnits]:
    """Units of the test's own database."""
    if mongodb_engine != "embedded":
        pytest.skip("limits are met by this server itself")
    async with opened(mongodb_uri, database_name, clock=clock) as opening:
        yield opening


async def burst(units: MongoUnits, size: int, status: str = "on") -> list[str]:
    """So many things made in one moment; their ids, oldest first."""

    async def make(change: Change) -> list[str]:
        ids = [change.new_id() for _ in range(size)]
        for one in ids:
            await change.insert(THINGS, a_thing(one, code=one[-12:].upper(), status=status, amount=1))
        return ids

    return await units.change(a_call(), make)


class Reader:
    """Reads lists of things page by page, and what that costs."""

    def __init__(self, units: MongoUnits) -> None:
        self.units = units
        self.documents = 0
        self.queries = 0

    async def page(self, token: str | None = None, **where: Any) -> Any:
        request = PageRequest(limit=LIMIT, next_token=token)
        order = ("-thing_id",)
        async with reads_of("things") as reads:
            page = await self.units.view(
                a_call(), partial(_page, where=where or {"status": "on"}, page=request, order=order)
            )
        self.queries = reads.queries
        self.documents = await reads.documents(self.units.database)
        return page

    async def walk(self, **where: Any) -> tuple[list[str], list[int]]:
        """All ids, newest first, and the documents that lay in the ranges of each page."""
        ids: list[str] = []
        costs: list[int] = []
        token = None
        while True:
            page = await self.page(token, **where)
            ids += [each.thing_id for each in page.items]
            costs.append(self.documents)
            token = page.next_token
            if token is None:
                return ids, costs


async def _page(view: Any, *, where: Any, page: PageRequest, order: Any) -> Any:
    return await view.page(THINGS, where, page=page, order=order)


async def test_a_page_of_a_burst_reads_no_more_than_its_records(units: MongoUnits) -> None:
    made = await burst(units, 300)
    reader = Reader(units)
    await reader.page()
    small = [(await reader.page()).count, reader.documents, reader.queries]
    for _ in range(4):
        made += await burst(units, 500)

    await reader.page()
    large = [(await reader.page()).count, reader.documents, reader.queries]

    assert small == large == [LIMIT, LIMIT + 1, 1]
    ids, costs = await reader.walk()
    assert ids == made[::-1]
    # Beyond a burst the next one is found by a range that may hold many of it.
    assert sum(cost > 2 * (LIMIT + 1) for cost in costs) <= 8
    assert sum(costs) < 3 * len(made)


async def test_bursts_days_apart_are_walked_without_reading_one_whole(units: MongoUnits, clock: FixedClock) -> None:
    made = []
    for _ in range(3):
        made += await burst(units, 210)
        clock.advance(DAY)
    reader = Reader(units)
    first, _ = await reader.walk()

    second, costs = await reader.walk()

    assert first == second == made[::-1]
    # Only a page that reaches over a pause may meet the newest end of a whole burst.
    assert sum(cost > 2 * (LIMIT + 1) for cost in costs) <= 2
    assert sum(costs) < 3 * len(made)


async def test_a_page_that_was_read_before_follows_what_comes_and_goes(units: MongoUnits, clock: FixedClock) -> None:
    made = await burst(units, 50)
    reader = Reader(units)
    await reader.page()
    clock.advance(1)
    made += await burst(units, 3)

    async def drop(change: Change) -> None:
        for one in made[-10:-4]:
            await change.delete(THINGS, await change.load(THINGS, one))

    await units.change(a_call(), drop)
    made[-10:-4] = []

    assert [each.thing_id for each in (await reader.page()).items] == made[: -LIMIT - 1 : -1]
    ids, _ = await reader.walk()
    assert ids == made[::-1]


async def test_few_records_are_read_at_once_once_that_is_known(units: MongoUnits, clock: FixedClock) -> None:
    await burst(units, 3, status="off")
    clock.advance(400 * DAY)
    reader = Reader(units)
    await reader.page(status="off")

    page = await reader.page(status="off")

    assert (page.count, reader.queries, reader.documents) == (3, 1, 3)


async def test_pages_in_ascending_order_are_read_to_their_known_end(units: MongoUnits) -> None:
    made = await burst(units, 200)
    where = {"place": "here"}

    async def look(view: Any) -> list[str]:
        page = await view.page(THINGS, where, page=PageRequest(limit=LIMIT), order=("code",))
        return [each.code for each in page.items]

    first = await units.view(a_call(), look)
    async with reads_of("things") as reads:
        second = await units.view(a_call(), look)

    assert first == second == sorted(one[-12:].upper() for one in made)[:LIMIT]
    assert (reads.queries, await reads.documents(units.database)) == (1, LIMIT + 1)


async def test_pages_in_the_order_of_a_text_cost_what_they_hold(units: MongoUnits) -> None:
    made = sorted(one[-12:].upper() for one in await burst(units, 600))
    seen: list[str] = []
    costs: list[int] = []
    token = None
    while True:
        request = PageRequest(limit=LIMIT, next_token=token)
        async with reads_of("things") as reads:
            page = await units.view(a_call(), partial(_page, where={"place": "here"}, page=request, order=("code",)))
        costs.append(await reads.documents(units.database))
        seen += [each.code for each in page.items]
        token = page.next_token
        if token is None:
            break

    assert seen == made
    # The first page has nothing to begin from, and the second one nothing to tell how wide a range must be.
    assert sum(costs[2:]) < 10 * len(made)
    assert max(costs[2:]) < len(made)


async def test_a_count_reads_to_the_end_only_once(units: MongoUnits, clock: FixedClock) -> None:
    await burst(units, 600)
    reader = DirectReader(units.database, clock, b"k" * 32)

    async def count() -> tuple[int, int]:
        asked: dict[str, Any] = {"where": {"place": "here"}, "order": ("code",), "rest": None, "most": 257}
        async with reads_of("things") as reads:
            found = await reader.count(THINGS, "ACME", **asked)
        return found, await reads.documents(units.database)

    first = await count()
    second = await count()
    assert first[0] == second[0] == 257
    assert first[1] >= 600
    assert second[1] == 257


async def test_a_read_goes_on_when_its_caller_gives_up(units: MongoUnits, clock: FixedClock) -> None:
    await burst(units, 300)
    asked: dict[str, Any] = {"page": PageRequest(limit=LIMIT), "order": ("-thing_id",)}
    finds, begun, going = 0, asyncio.Event(), asyncio.Event()

    class Slow(DirectReader):
        """Waits before each find, and counts them."""

        async def find(self, *where: Any, **more: Any) -> list[Any]:
            nonlocal finds
            finds += 1
            begun.set()
            await going.wait()
            return await super().find(*where, **more)

    reader = Slow(units.database, clock, b"k" * 32)
    given_up = asyncio.create_task(reader.page(THINGS, "ACME", {"status": "on"}, **asked))
    await begun.wait()
    given_up.cancel()
    await asyncio.gather(given_up, return_exceptions=True)
    joined = asyncio.create_task(reader.page(THINGS, "ACME", {"status": "on"}, **asked))
    going.set()
    assert (await joined).count == LIMIT
    once, finds = finds, 0

    alone = Slow(units.database, clock, b"k" * 32)
    await alone.page(THINGS, "ACME", {"status": "on"}, **asked)
    assert once == finds
