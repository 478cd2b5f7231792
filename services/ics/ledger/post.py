"""Reads and writes of a posting: waiting promises, holders, and at its end entries, items, bins and holders' records.

Only `services/ics/stock/posting.py` calls the writing functions, because their order matters.
"""

from msgspec.structs import replace

from chassis.errors import InvalidState
from chassis.unit import Change
from chassis.work.store import enqueue
from services.ics.ledger.draw import count_free
from services.ics.ledger.entry import ENTRIES_MAX, Operation
from services.ics.ledger.held import take_up
from services.ics.ledger.holder import HEAVY_HOLDERS, HOLDER_KINDS, HOLDERS_MAX
from services.ics.ledger.lookup import item_key
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting
from services.ics.ledger.promises import waiting_promises
from services.ics.ledger.store import BIN_UNITS, ENTRIES, FILLS, ITEMS, BinUnits, ItemToFill
from services.ics.words import DocumentType


def operation(
    change: Change,
    document_type: DocumentType,
    document_id: str | None = None,
    *,
    channel_code: str | None = None,
    order_ref: str | None = None,
    reason: str | None = None,
    actor: str | None = None,
) -> Operation:
    """A new operation of this call. `document_id` None: the operation is its own document."""
    call = change.call
    operation_id = change.new_id()
    return Operation(
        operation_id=operation_id,
        document_type=document_type,
        document_id=document_id or operation_id,
        actor=actor or call.caller.actor,
        channel_code=channel_code or call.channel,
        order_ref=order_ref,
        reason=reason,
        cccode=call.cccode,
    )


async def take_up_waiting(change: Change, posting: Posting, item: OpenItem) -> None:
    """Add the promises waiting at the shortfall position to the posting, `HOLDERS_MAX` at most, so that units that
    become available go to them first."""
    if item.shortfall:
        bite = change.bite(HOLDERS_MAX)
        waiting = await waiting_promises(change, item.logical_guid, item.variant_id, min(item.shortfall, bite + 1))
        if len(waiting) > HEAVY_HOLDERS:
            change.own_transaction()
        item.more_waiting = len(waiting) > bite
        for promise in waiting[:bite]:
            take_up(posting, item, promise)


async def enqueue_fills(change: Change, posting: Posting) -> None:
    """Enqueue a fill for each item with more waiting holders than one transaction may fill, if it has sellable units
    left."""
    for item in posting.open_items.values():
        if item.more_waiting and item.shortfall and count_free(item, "available", today=posting.today):
            to_fill = ItemToFill(
                logical_guid=item.logical_guid,
                variant_id=item.variant_id,
                document_type=posting.entries[-1].document_type,
                document_id=posting.entries[-1].document_id,
            )
            await enqueue(change, FILLS, item_key(item.logical_guid, item.variant_id), to_fill)


async def write_ledger(change: Change, posting: Posting, *, listed: bool) -> None:
    """Write entries, items, units in bins, and the records of holders other than the call's own.

    `listed`: the answer lists the entries. Raises `InvalidState` if there are more than `ENTRIES_MAX` of them, or if a
    bin would exceed its capacity.
    """
    if listed and len(posting.entries) > ENTRIES_MAX:
        raise InvalidState(f"this takes more than {ENTRIES_MAX} entries; move fewer units at once", status="scattered")
    bins = await _checked_bins(change, posting)
    for entry in posting.entries:
        await change.insert(ENTRIES, entry)
    for item in posting.open_items.values():
        if item.seq > item.stored.seq or item.lapse_utc != item.stored.lapse_utc:
            stored = item.close(posting.now)
            await (change.update(ITEMS, stored) if stored.revision else change.insert(ITEMS, stored))
    for record in bins:
        await (change.update(BIN_UNITS, record) if record.revision else change.insert(BIN_UNITS, record))
    await _keep_others(change, posting)


async def _checked_bins(change: Change, posting: Posting) -> list[BinUnits]:
    """The unit counts to store for bins with a capacity. Raises `InvalidState` if one would exceed its capacity."""
    moved = {bin_id: units for bin_id, units in posting.bins.items() if units}
    known = await change.get_many(BIN_UNITS, moved) if moved else {}
    kept: list[BinUnits] = []
    for bin_id, units in moved.items():
        before = known.get(bin_id) or BinUnits(bin_id=bin_id)
        after = before.units + units
        capacity = posting.capacities.get(bin_id)
        if units > 0 and bin_id in posting.bins_limited and capacity is not None and after > capacity:
            raise InvalidState(f"the bin holds {capacity} units at most", status="full", capacity=capacity)
        kept.append(replace(before, units=after))
    return kept


async def _keep_others(change: Change, posting: Posting) -> None:
    """Store holders that the movements changed: each gets a new revision, and no event is published."""
    touched = [each for each in posting.holdings.values() if each.touched and not each.own]
    if not touched:
        return
    for each in touched:
        change.prefetch(HOLDER_KINDS[each.type].entity, [each.id])
    for holding in touched:
        kind = HOLDER_KINDS[holding.type]
        before = await change.load(kind.entity, holding.id)
        after = kind.keep(before, holding)
        if kind.follow is not None:
            after = await kind.follow(change, before, after)
        await change.update(kind.entity, after)


def emit_stock_changed(change: Change, posting: Posting) -> None:
    """Emit `ics.stock.changed` for every item whose bucket totals changed."""
    for item in posting.open_items.values():
        if item.totals_changed():
            buckets = item.buckets()
            change.emit(
                "ics.stock.changed",
                f"{item.logical_guid}/{item.variant_id}",
                revision=item.seq,
                logical_guid=item.logical_guid,
                variant_id=item.variant_id,
                buckets=buckets,
                on_hand=buckets.on_hand,
                seq=item.seq,
                operation_id=posting.entries[-1].operation_id,
            )
