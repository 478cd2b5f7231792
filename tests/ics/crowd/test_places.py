"""An item at many places or lots: a promise reads and writes as many documents as at a few."""

from typing import Any

import pytest

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from services.ics.bin.store import BINS
from tests.ics.crowd.work import Work, counted_work
from tests.ics.crowds import crowd_like
from tests.ics.floor import Floor

FEW, MANY = 20, 600
LINES_MAX = 300


async def stocked_bins(ics: ServiceClient, clock: FixedClock, floor: Floor, count: int) -> None:
    """Some units in each of the given number of bins of a zone."""
    zone = (await floor.do("/zone/create", code=floor.variant_id))["zone"]["zone_id"]
    first = (await floor.do("/bin/create", zone_id=zone, code="B"))["bin"]["bin_id"]
    code = "B-{}".format
    bins = [first, *await crowd_like(ics, BINS, first, count - 1, now=clock.now(), code=code)]
    await stocked(floor, [{"bin_id": bin_id} for bin_id in bins])


async def stocked_lots(_: ServiceClient, __: FixedClock, floor: Floor, count: int) -> None:
    """Some units of each of the given number of lots."""
    await stocked(floor, [{"lot_code": f"L-{number:04}"} for number in range(count)])


async def stocked(floor: Floor, places: list[dict[str, str]]) -> None:
    for start in range(0, len(places), LINES_MAX):
        part = places[start : start + LINES_MAX]
        lines = [{"variant_id": floor.variant_id, "delta": 3, **place} for place in part]
        await floor.do("/adjustment/import", lines=lines, reason_code="found")


async def work_of_calls(floor: Floor) -> list[Work]:
    """What promises and a query cost, once the lots of the item are known to the process."""
    for _ in range(2):
        await floor.reserve(1)
    done: list[Work] = []
    calls: list[tuple[str, dict[str, Any]]] = [
        ("/reservation/create", {"variant_id": floor.variant_id, "quantity": 1}),
        ("/commit/create-direct", {"variant_id": floor.variant_id, "quantity": 4, "order_ref": "O-1"}),
        ("/atp/query", {"variant_ids": [floor.variant_id]}),
    ]
    for path, body in calls:
        with counted_work() as work:
            await floor.do(path, **body, channel_code="WEB")
        done.append(work)
    return done


@pytest.mark.parametrize("put", [stocked_bins, stocked_lots])
async def test_a_promise_costs_as_many_documents_at_many_places_as_at_few(
    ics: ServiceClient, clock: FixedClock, put: Any
) -> None:
    few, many = Floor(ics, "VAR-FEW"), Floor(ics, "VAR-MANY")
    await put(ics, clock, few, FEW)
    await put(ics, clock, many, MANY)
    before, after = await work_of_calls(few), await work_of_calls(many)
    lots = FEW if put is stocked_lots else 0
    for at_few, at_many in zip(before, after, strict=True):
        assert at_many.most_written == at_few.most_written
        # The lots of an item at a few are read, those of one at many are known.
        at_few.read["serials"] -= lots
        # An item at many is read once more where its call leaves the shared batch because of it.
        assert at_many.read.pop("balances") <= at_few.read.pop("balances") + 1
        assert +at_many.read == +at_few.read
