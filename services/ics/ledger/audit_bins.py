"""Audit of bins with a capacity: compares the stored unit count of each with the units of its items.

A bin may have units of several items, so it is read together with all of them in one snapshot.
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
    """A bin with a capacity, and its facility; `logical_guid` None: no item has units in it."""

    orgcode: str
    bin_id: str
    logical_guid: str | None = None


def bins_of(item: Item) -> set[CappedBin]:
    """The bins with a capacity in which the item has positions."""
    return {
        CappedBin(item.orgcode, position.bin_id, item.logical_guid)
        for position in item.cells
        if position.capped and position.bin_id is not None
    }


async def counted_bins(units: Units, call: Call, orgcode: str | None) -> list[CappedBin]:
    """All bins with a stored unit count, also 0; of one org or (None) of all. Read by id, `READ_MAX` at a time."""
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
    """The differences in these bins; `BINS_AT_ONCE` bins are read at the same time."""
    found: list[Difference] = []
    for start in range(0, len(bins), BINS_AT_ONCE):
        several = bins[start : start + BINS_AT_ONCE]
        found += filter(None, await asyncio.gather(*(_checked(units, call, each) for each in several)))
    return found


async def _checked(units: Units, call: Call, each: CappedBin) -> Difference | None:
    async def read(view: View) -> Difference | None:
        counted = await view.get(BIN_UNITS, each.bin_id)
        there = await _items_in(view, each.bin_id)
        return bin_difference(each.orgcode, each.logical_guid, each.bin_id, there, counted.units if counted else 0)

    return await units.view(within(call, each.orgcode), read, snapshot=True)


async def _items_in(view: View, bin_id: str) -> list[Item]:
    """All items with a position in a bin. Index: spots."""
    return await view.find_all(ITEMS, {"spots": bin_key(bin_id)}, order=("logical_guid", "variant_id"))
