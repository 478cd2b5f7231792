"""stock/get of an item that thousands hold units of: what it shows, and what the engine reads for it."""

from typing import Any

import pytest

from chassis.clock import FixedClock, later, to_millis
from chassis.ids import IdSource
from chassis.mongo.collection import Collection
from chassis.testing.client import ServiceClient
from services.ics.commit.store import COMMITS
from services.ics.ledger.store import ITEMS, NEVER_EXPIRES, PROMISES
from services.ics.reservation.store import RESERVATIONS
from services.ics.stock.reading import POSITIONS_MAX
from tests.ics.crowds import crowd_like
from tests.ics.floor import Floor

Record = dict[str, Any]
FEW, MANY = 1_000, 4_000
READ_MAX = 2 * (POSITIONS_MAX + 1)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Record]:
    """The filters by which promises are read."""
    seen: list[Record] = []
    real = Collection._read

    async def read(self: Collection, command: Any, session: Any) -> list[Record]:
        if self.name == PROMISES.collection and "find" in command:
            seen.append(command["filter"])
        return await real(self, command, session)

    monkeypatch.setattr(Collection, "_read", read)
    return seen


async def matching(ics: ServiceClient, filters: list[Record]) -> int:
    """How many promises are in the ranges that were read."""
    collection = ics.application.runtime.database.collection(PROMISES.collection)
    return sum([await collection.count(each) for each in list(filters)])


async def held(ics: ServiceClient, **units: int) -> None:
    """Let the item have as many units as its promises, which were made behind the service's back."""
    assert ics.caller is not None
    balances = ics.application.runtime.database.collection(ITEMS.collection)
    await balances.update_one({"_id": f"{ics.caller.orgcode}/FAC-A/V-1"}, {"$set": units})


@pytest.mark.parametrize("pause", [0, 900])
async def test_the_carts_that_end_first_are_shown_and_little_more_is_read(
    ics: ServiceClient, clock: FixedClock, asked: list[Record], pause: int
) -> None:
    floor = Floor(ics, "V-1")
    await floor.stocked(9)
    # The one that would have ended first is released: the item is not told.
    first = await floor.reserve(1, ttl_seconds=1000 - pause)
    one = await floor.reserve(1, ttl_seconds=1000)
    await floor.do("/reservation/release", reservation_id=first["reservation_id"], expected_revision=1)
    ends = [later(one["expires_utc"], number / 300) for number in range(MANY + 1)]
    due = lambda number: ends[number + 1]  # noqa: E731
    ids = await crowd_like(ics, RESERVATIONS, one["reservation_id"], MANY, now=clock.now(), due=due, expires_utc=due)
    await held(ics, reserved=MANY + 1)
    asked.clear()
    stock = await floor.stock()

    shown = [each["held_by_id"] for each in stock["positions"] if each["bucket"] == "reserved"]
    assert shown == [one["reservation_id"], *ids][: POSITIONS_MAX - 1], "after the one of available"
    assert (len(stock["positions"]), stock["more_positions"]) == (POSITIONS_MAX, True)
    assert await matching(ics, asked) <= READ_MAX + (2 * READ_MAX if pause else 0)
    assert len(asked) <= 14


async def test_few_holders_are_read_at_once(ics: ServiceClient, clock: FixedClock, asked: list[Record]) -> None:
    floor = Floor(ics, "V-1")
    await floor.stocked(9)
    one = await floor.reserve(1)
    await crowd_like(ics, RESERVATIONS, one["reservation_id"], FEW - 1, now=clock.now())
    await held(ics, reserved=FEW)
    asked.clear()
    stock = await floor.stock()
    assert (len(stock["positions"]), stock["more_positions"]) == (POSITIONS_MAX, True)
    assert len(asked) == 1


async def test_the_newest_commits_are_shown_and_little_more_is_read(
    ics: ServiceClient, clock: FixedClock, asked: list[Record]
) -> None:
    floor = Floor(ics, "V-1")
    await floor.stocked(9)
    one = await floor.commit(1)
    source, start = IdSource(), to_millis(clock.now())
    ids = [source.new_at(start + 3 * number) for number in range(MANY)]
    collection = ics.application.runtime.database.collection(COMMITS.collection)
    (known,) = await collection.find({"_id": one["commit_id"]})
    async with ics.application.runtime.database.transaction() as transaction:
        copies = [{**known, "_id": each, "due": f"{NEVER_EXPIRES}{each}"} for each in ids]
        await collection.insert_many(copies, session=transaction)
        await transaction.commit()
    await held(ics, open=MANY + 1, recorded_utc=later(clock.now(), 3 * MANY / 1000))  # type: ignore[arg-type]
    asked.clear()
    stock = await floor.stock()
    shown = [each["held_by_id"] for each in stock["positions"] if each["bucket"] == "committed"]
    assert len(shown) == POSITIONS_MAX - 1
    assert set(shown) < set(ids[-READ_MAX:])
    assert shown == sorted(shown)
    assert await matching(ics, asked) <= READ_MAX
    # Something else moved a day later: the gap to the commits is crossed in few steps.
    await held(ics, recorded_utc=later(clock.now(), 86_400))  # type: ignore[arg-type]
    asked.clear()
    assert (await floor.stock())["more_positions"]
    assert len(asked) <= 14
