"""Audits single items: reads all that is stored of one in one snapshot, and replays its entries against that."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from chassis.caller import Call
from chassis.clock import Utc
from chassis.jobs.orgs import within
from chassis.unit import Units, View, between
from services.ics.ledger.audit import Held, Replay, held_of
from services.ics.ledger.audit_counters import COUNTERS, RECOUNTS
from services.ics.ledger.audit_counters import Units as Counts
from services.ics.ledger.balance import Item
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.holder import HOLDER_KINDS
from services.ics.ledger.promises import promises_of
from services.ics.ledger.store import ITEMS, NEVER_EXPIRES, Promise, entries_between

ENTRIES_READ_MAX = 1000


class AuditedItem(NamedTuple):
    """A stored item, and the values other records have of it, read in one snapshot."""

    item: Item
    held: Held
    counts: dict[str, Counts]
    recounts: dict[str, Counts]
    next_expiry: Utc | None


async def replay_all(units: Units, call: Call, items: Sequence[Item]) -> list[Replay]:
    """The replays of these items. Their reads share round trips."""
    return await asyncio.gather(*(_replayed(units, call, item) for item in items))


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
    for recount in RECOUNTS:
        replay.compare(recount.what, kept.recounts[recount.what], recount.kept(item))
    replay.check_expiry(kept.next_expiry)
    return replay


def _batch(item: Item, start: int, end: int) -> Callable[[View], Awaitable[list[StockCardEntry]]]:
    async def read(view: View) -> list[StockCardEntry]:
        return await entries_between(view, item.logical_guid, item.variant_id, between(above=start, at_most=end))

    return read


async def _kept(view: View, item: Item) -> AuditedItem:
    counts = await view.together(counter.kept(view, item) for counter in COUNTERS)
    recounts = await view.together(recount.counted(view, item) for recount in RECOUNTS)
    promises = await promises_of(view, item.logical_guid, item.variant_id)
    return AuditedItem(
        item=item,
        held=await _held(view, item, promises),
        counts={counter.what: each for counter, each in zip(COUNTERS, counts, strict=True)},
        recounts={recount.what: each for recount, each in zip(RECOUNTS, recounts, strict=True)},
        next_expiry=min((Utc(each.due) for each in promises if each.due and each.due < NEVER_EXPIRES), default=None),
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
