"""The auditor's walk through the bins that have a capacity: what is counted in each, held against what lies there.

Several items may lie in one bin, so no single item tells whether its count is right: a bin is read together with all of
them, at one moment.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from chassis.caller import Call
from chassis.jobs.orgs import within
from chassis.unit import Units, View
from services.ics.ledger.audit import Difference, bin_difference
from services.ics.ledger.balance import Item
from services.ics.ledger.lookup import bin_key
from services.ics.ledger.store import BIN_UNITS, ITEMS, BinUnits

READ_MAX = 500
BINS_AT_ONCE = 32


class CappedBin(NamedTuple):
    """A bin that has a capacity, and the facility it was found in; None where nothing is booked in it."""

    orgcode: str
    bin_id: str
    logical_guid: str | None = None


def bins_of(item: Item) -> set[CappedBin]:
    """Those among the bins an item lies in."""
    return {
        CappedBin(item.orgcode, position.bin_id, item.logical_guid)
        for position in item.cells
        if position.capped and position.bin_id is not None
    }


async def counted_bins(units: Units, call: Call, orgcode: str | None) -> list[CappedBin]:
    """Every bin whose units are counted, be there any or not."""
    found: list[CappedBin] = []
    last: str | None = None
    while True:
        part = await units.view(call, _counted_after(last))
        found += [CappedBin(each.orgcode, each.bin_id) for each in part if orgcode in {None, each.orgcode}]
        if len(part) < READ_MAX:
            return found
        last = part[-1].bin_id


def _counted_after(last: str | None) -> Callable[[View], Awaitable[list[BinUnits]]]:
    async def read(view: View) -> list[BinUnits]:
        after = None if last is None else (last,)
        return await view.every_org().find(BIN_UNITS, {}, order=("bin_id",), limit=READ_MAX, after=after)

    return read


async def differences_in(units: Units, call: Call, bins: Sequence[CappedBin]) -> list[Difference]:
    """What is wrong in these bins."""
    found: list[Difference] = []
    for start in range(0, len(bins), BINS_AT_ONCE):
        several = bins[start : start + BINS_AT_ONCE]
        found += filter(None, await asyncio.gather(*(_checked(units, call, each) for each in several)))
    return found


async def _checked(units: Units, call: Call, each: CappedBin) -> Difference | None:
    async def still(view: View) -> Difference | None:
        counted = await view.get(BIN_UNITS, each.bin_id)
        there = await _items_in(view, each.bin_id)
        return bin_difference(each.orgcode, each.logical_guid, each.bin_id, there, counted.units if counted else 0)

    return await units.view(within(call, each.orgcode), still, snapshot=True)


async def _items_in(view: View, bin_id: str) -> list[Item]:
    """All items that lie in a bin. Index: spots."""
    return await view.find_all(ITEMS, {"spots": bin_key(bin_id)}, order=("logical_guid", "variant_id"))
