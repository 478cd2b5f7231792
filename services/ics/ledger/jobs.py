"""The audit job: adds up the entries of every item and compares the sums with the stored values. It changes nothing.

An item, its holders and its counters are read in one snapshot. Entries up to the item's last number never change after
that, so they are read outside it, `ENTRIES_READ_MAX` at a time. A bin with a capacity is read in one snapshot with all
its items.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.clock import Utc
from chassis.entity import Value
from chassis.jobs.declaration import Jobs
from chassis.jobs.orgs import within
from chassis.unit import Units, View, between
from services.ics.ledger.audit import DIFFERENCES_MAX, Difference, Held, Replay, held_of
from services.ics.ledger.audit_bins import CappedBin, bins_of, counted_bins, differences_in
from services.ics.ledger.audit_counters import COUNTERS
from services.ics.ledger.audit_counters import Units as Counts
from services.ics.ledger.balance import Item
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.holder import HOLDER_KINDS
from services.ics.ledger.promises import promises_of
from services.ics.ledger.store import ITEMS, NEVER_EXPIRES, Promise, entries_between

jobs = Jobs("ics")

ITEMS_READ_MAX = 500
ENTRIES_READ_MAX = 1000
ITEMS_AT_ONCE = 32


class AuditParams(Value):
    """Which items are audited, and the bins they lie in: of one org, one facility, one variant, or all."""

    orgcode: str | None = None
    logical_guid: str | None = None
    variant_id: str | None = None


class AuditAnswer(Value):
    """What was looked at, and what is not as the entries say."""

    items_checked: int
    entries_checked: int
    differences: list[Difference]


@jobs.by_hand(name="audit-ledger", params=AuditParams)
async def audit_ledger(units: Units, call: Call, params: AuditParams) -> AuditAnswer:
    """Replay stock cards against balances and report any difference."""
    call = replace(call, caller=SYSTEM)
    items = entries = 0
    differences: list[Difference] = []
    bins: dict[str, CappedBin] = {}
    last: str | None = None
    while True:
        found = await _items_after(units, call, last)
        meant = [item for item in found if _is_meant(item, params)]
        for start in range(0, len(meant), ITEMS_AT_ONCE):
            several = meant[start : start + ITEMS_AT_ONCE]
            # Concurrent reads share round trips.
            for replay in await asyncio.gather(*(_replayed(units, call, item) for item in several)):
                items += 1
                entries += replay.seq
                differences += replay.differences[: DIFFERENCES_MAX - len(differences)]
        bins |= {each.bin_id: each for item in meant for each in bins_of(item)}
        if len(found) < ITEMS_READ_MAX:
            break
        last = found[-1].item_id
    if params.logical_guid is None and params.variant_id is None:
        bins = {each.bin_id: each for each in await counted_bins(units, call, params.orgcode)} | bins
    differences += await differences_in(units, call, list(bins.values()))
    return AuditAnswer(items_checked=items, entries_checked=entries, differences=differences[:DIFFERENCES_MAX])


async def _items_after(units: Units, call: Call, last: str | None) -> list[Item]:
    async def read(view: View) -> list[Item]:
        after = None if last is None else (last,)
        return await view.every_org().find(ITEMS, {}, order=("item_id",), limit=ITEMS_READ_MAX, after=after)

    return await units.view(call, read)


def _is_meant(item: Item, params: AuditParams) -> bool:
    return (
        params.orgcode in {None, item.orgcode}
        and params.logical_guid in {None, item.logical_guid}
        and params.variant_id in {None, item.variant_id}
    )


class AuditedItem(NamedTuple):
    """A stored item, and the values other records have of it, read in one snapshot."""

    item: Item
    held: Held
    counts: dict[str, Counts]
    next_expiry: Utc | None


async def _replayed(units: Units, call: Call, seen: Item) -> Replay:
    own = within(call, seen.orgcode)

    async def read(view: View) -> AuditedItem:
        return await _kept(view, await view.load(ITEMS, seen.item_id))

    kept = await units.view(own, read, snapshot=True)
    item = kept.item
    replay = Replay(item, COUNTERS)
    for start in range(0, item.seq, ENTRIES_READ_MAX):
        end = min(start + ENTRIES_READ_MAX, item.seq)
        for entry in await units.view(own, _batch(item, start, end)):
            replay.read(entry)
    replay.finish(kept.held, kept.counts)
    replay.check_expiry(kept.next_expiry)
    return replay


def _batch(item: Item, start: int, end: int) -> Callable[[View], Awaitable[list[StockCardEntry]]]:
    async def read(view: View) -> list[StockCardEntry]:
        return await entries_between(view, item.logical_guid, item.variant_id, between(above=start, at_most=end))

    return read


async def _kept(view: View, item: Item) -> AuditedItem:
    counts = await view.together(counter.kept(view, item) for counter in COUNTERS)
    promises = await promises_of(view, item.logical_guid, item.variant_id)
    return AuditedItem(
        item=item,
        held=await _held(view, item, promises),
        counts={counter.what: each for counter, each in zip(COUNTERS, counts, strict=True)},
        next_expiry=min((Utc(each.due) for each in promises if each.due and each.due != NEVER_EXPIRES), default=None),
    )


async def _held(view: View, item: Item, promises: list[Promise]) -> Held:
    """The units of an item by holder: of promises, and of every other registered kind."""
    parts = [
        (promise.promise_id, each.key, each.stage, each.quantity) for promise in promises for each in promise.positions
    ]
    for kind in HOLDER_KINDS.values():
        if kind.find is not None:
            for record in await kind.find(view, item.logical_guid, item.variant_id):
                holder = kind.entity.id_of(record)
                own = kind.parts(record, item.variant_id)
                parts += [(holder, part.key, part.stage, units) for part, units in own.items()]
    return held_of(parts)
