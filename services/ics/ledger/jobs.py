"""The auditor: every item's entries added up again and compared with what is kept. It reads, and changes nothing.

An item and its holders are read at one moment; entries up to the item's last number never change after that, so they
are read at leisure, a bounded stretch at a time.
"""

import asyncio
from collections.abc import Awaitable, Callable

from msgspec.structs import replace as with_fields

from chassis.caller import SYSTEM, Call
from chassis.entity import Value
from chassis.jobs import Jobs
from chassis.unit import Units, View, between
from services.ics.ledger.audit import DIFFERENCES_MAX, Difference, Held, Replay, held_of
from services.ics.ledger.balance import Item
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.holder import HOLDER_KINDS
from services.ics.ledger.store import ITEMS, entries_between, promises_of

jobs = Jobs("ics")

ITEMS_READ_MAX = 500
ENTRIES_READ_MAX = 1000
ITEMS_AT_ONCE = 32


class AuditParams(Value, frozen=True, kw_only=True):
    """Which items are audited: of one org, one facility, one variant, or all."""

    orgcode: str | None = None
    logical_guid: str | None = None
    variant_id: str | None = None


class AuditAnswer(Value, frozen=True, kw_only=True):
    """What was looked at, and what is not as the entries say."""

    items_checked: int
    entries_checked: int
    differences: list[Difference]


@jobs.by_hand(name="audit-ledger", params=AuditParams)
async def audit_ledger(units: Units, call: Call, params: AuditParams) -> AuditAnswer:
    """Replay stock cards against balances and report any difference."""
    items = entries = 0
    differences: list[Difference] = []
    last: str | None = None
    while True:
        found = await _items_after(units, call, last)
        meant = [item for item in found if _is_meant(item, params)]
        for start in range(0, len(meant), ITEMS_AT_ONCE):
            several = meant[start : start + ITEMS_AT_ONCE]
            # Together, so that they share their round trips.
            for replay in await asyncio.gather(*(_replayed(units, call, item) for item in several)):
                items += 1
                entries += replay.seq
                differences += replay.differences[: DIFFERENCES_MAX - len(differences)]
        if len(found) < ITEMS_READ_MAX:
            return AuditAnswer(items_checked=items, entries_checked=entries, differences=differences)
        last = found[-1].item_id


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


async def _replayed(units: Units, call: Call, seen: Item) -> Replay:
    """One item replayed and compared."""
    own = with_fields(call, caller=with_fields(SYSTEM, orgcode=seen.orgcode))

    async def still(view: View) -> tuple[Item, Held]:
        item = await view.load(ITEMS, seen.item_id)
        return item, await _held(view, item)

    item, held = await units.view(own, still, snapshot=True)
    replay = Replay(item)
    for start in range(0, item.seq, ENTRIES_READ_MAX):
        end = min(start + ENTRIES_READ_MAX, item.seq)
        for entry in await units.view(own, _stretch(item, start, end)):
            replay.read(entry)
    replay.finish(held)
    return replay


def _stretch(item: Item, start: int, end: int) -> Callable[[View], Awaitable[list[StockCardEntry]]]:
    async def read(view: View) -> list[StockCardEntry]:
        return await entries_between(view, item.logical_guid, item.variant_id, between(above=start, at_most=end))

    return read


async def _held(view: View, item: Item) -> Held:
    """What everybody's records say they have of an item."""
    facility, variant = item.logical_guid, item.variant_id
    parts = [
        (promise.promise_id, each.spot, each.stage, each.quantity)
        for promise in await promises_of(view, facility, variant)
        for each in promise.positions
    ]
    for kind in HOLDER_KINDS.values():
        if kind.find is not None:
            for record in await kind.find(view, facility, variant):
                holder = kind.entity.id_of(record)
                parts += [(holder, part.spot, part.stage, q) for part, q in kind.parts(record, variant).items()]
    return held_of(parts)
