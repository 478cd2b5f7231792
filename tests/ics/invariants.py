"""The contract's invariants, checked on a ledger from outside: entries replayed, then held against what is kept."""

from collections import Counter
from collections.abc import Iterable, Mapping

from chassis.clock import Date
from services.ics.allocation.domain import Allocation
from services.ics.commit.domain import Commit
from services.ics.ledger.audit import Difference, Replay, held_of
from services.ics.ledger.balance import SHORTFALL, Item
from services.ics.ledger.entry import StockCardEntry, number_in
from services.ics.ledger.lot import Lot, is_sellable
from services.ics.receive.domain import Receipt
from services.ics.reservation.domain import Reservation
from services.ics.words import BUCKETS

Promised = Reservation | Allocation | Commit
STANDING_STILL = {"putaway", "replenish", "pick", "pack", "repin"}


def differences(
    item: Item, entries: Iterable[StockCardEntry], promises: Iterable[Promised], receipts: Iterable[Receipt]
) -> list[Difference]:
    """Where an item is not what its entries and its holders say (invariants 2, 3, 4, 6, 7, 9, 10)."""
    replay = Replay(item)
    ours = [entry for entry in entries if entry.variant_id == item.variant_id and _touches(entry, item)]
    for entry in sorted(ours, key=lambda each: number_in(each, item.logical_guid)):
        replay.read(entry)
    parts = []
    for promise in promises:
        if (promise.logical_guid, promise.variant_id) == (item.logical_guid, item.variant_id):
            parts += [(_id(promise), held.spot, held.stage, held.quantity) for held in promise.positions]
    for receipt in receipts:
        if receipt.logical_guid == item.logical_guid:
            for line in receipt.lines:
                if line.variant_id == item.variant_id:
                    parts += [(receipt.receive_id, held.spot, held.stage, held.quantity) for held in line.positions]
    return replay.finish(held_of(parts))


def _touches(entry: StockCardEntry, item: Item) -> bool:
    return item.logical_guid in {entry.from_account.logical_guid, entry.to_account.logical_guid}


def _id(promise: Promised) -> str:
    match promise:
        case Reservation():
            return promise.reservation_id
        case Allocation():
            return promise.allocation_id
        case Commit():
            return promise.commit_id


def check_counters(promises: Iterable[Promised], receipts: Iterable[Receipt]) -> None:
    """Invariant 9: the counters of each object add up to its quantity, and to what it holds."""
    for promise in promises:
        left, gone = _counted(promise)
        assert left == sum(each.quantity for each in promise.positions), promise
        assert promise.quantity == left + gone, promise
    for receipt in receipts:
        for line in receipt.lines:
            assert line.quantity == line.pending + line.accepted + line.rejected + line.damaged + line.lost, line
            assert line.pending == sum(held.quantity for held in line.positions), line


def _counted(promise: Promised) -> tuple[int, int]:
    """What a promise's counters say it holds, and what has left it."""
    match promise:
        case Reservation():
            went = promise.allocated + promise.committed + promise.released + promise.expired
            return promise.remaining, went + promise.lost
        case Allocation():
            return promise.remaining, promise.committed + promise.released + promise.expired + promise.lost
        case Commit():
            assert promise.shipped == sum(note.quantity for note in promise.ships)
            return promise.open + promise.picked + promise.packed, promise.shipped + promise.released + promise.lost


def check_conservation(items: Iterable[Item], entries: Iterable[StockCardEntry]) -> None:
    """Invariant 1: for each variant stock and external balances add up to 0."""
    total: Counter[str] = Counter()
    for item in items:
        total[item.variant_id] += sum(getattr(item, bucket) for bucket in BUCKETS)
    for entry in entries:
        if entry.from_account.external is not None:
            total[entry.variant_id] -= entry.quantity
        if entry.to_account.external is not None:
            total[entry.variant_id] += entry.quantity
    assert not +total, total
    assert not -total, total


def check_fill(item: Item, lots: Mapping[str, Lot], today: Date) -> None:
    """Invariant 12: nothing is short while sellable units are available elsewhere."""
    short = any(cell.spot == SHORTFALL and cell.available < 0 for cell in item.cells)
    elsewhere = [cell for cell in item.cells if cell.available > 0 and is_sellable(lots, cell.lot_code, today)]
    assert not (short and elsewhere), item


def check_standing_still(before: Item, after: Item, entries: Iterable[StockCardEntry]) -> None:
    """Invariant 11: calls that only move goods or names about change no bucket total."""
    if {entry.kind for entry in entries} <= STANDING_STILL:
        assert before.buckets() == after.buckets(), after
