"""The contract's invariants, checked on a ledger from outside: entries replayed, then held against what is kept.

The numbers are those of the contract's section 17.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from chassis.clock import Date, Utc, day_of
from services.ics.allocation.domain import Allocation
from services.ics.commit.domain import Commit
from services.ics.consignment.domain import ConsignmentRecord
from services.ics.count.domain import Count
from services.ics.demand.domain import ShippedMonth
from services.ics.ledger.audit import Difference, Held, Replay, held_of
from services.ics.ledger.balance import SHORTFALL, Item, PositionKey
from services.ics.ledger.entry import Account, StockCardEntry, number_in
from services.ics.ledger.holder import HolderKind
from services.ics.ledger.lot import Lot, is_sellable
from services.ics.policy.domain import PolicyValues
from services.ics.receive.domain import ReceiveRecord
from services.ics.reservation.domain import Reservation
from services.ics.serial.domain import COMES_IN_FROM, SerialUnit, Whereabouts, status_at
from services.ics.transfer.domain import TransferRecord
from services.ics.transfer.shipment import Shipment, status_of
from services.ics.words import BUCKETS

Promised = Reservation | Allocation | Commit
STANDING_STILL = {"putaway", "replenish", "pick", "pack", "repin", "assign"}
PROMISING = {"reserve", "allocate", "commit"}
"""Kinds of entry that may take available units from the shortfall account."""


def touches(entry: StockCardEntry, item: Item) -> bool:
    """Whether an entry is one of an item's."""
    facilities = {entry.from_account.logical_guid, entry.to_account.logical_guid}
    return entry.variant_id == item.variant_id and item.logical_guid in facilities


def differences(item: Item, entries: Iterable[StockCardEntry], held: Held) -> list[Difference]:
    """Where an item is not what its entries and its holders say (2, 3, 4, 6, 7, 9, 10)."""
    replay = Replay(item)
    ours = [entry for entry in entries if touches(entry, item)]
    for entry in sorted(ours, key=lambda each: number_in(each, item.logical_guid)):
        replay.read(entry)
    return replay.finish(held)


def held_in(item: Item, holders: Iterable[tuple[HolderKind, Any]]) -> Held:
    """What everybody's record says they have of an item."""
    parts: list[tuple[str, PositionKey, Any, int]] = []
    for kind, record in holders:
        # Goods on the way are where they go; a shipment or a receipt says itself what it has of each variant.
        facility = getattr(record, "to_logical_guid", None) or record.logical_guid
        variant = getattr(record, "variant_id", item.variant_id)
        if (facility, variant) == (item.logical_guid, item.variant_id):
            found = kind.parts(record, item.variant_id)
            parts += [(kind.entity.id_of(record), part.key, part.stage, units) for part, units in found.items()]
    return held_of(parts)


def check_counters(promises: Iterable[Promised], receipts: Iterable[ReceiveRecord]) -> None:
    """9: the counters of each object add up to its quantity, and to what it holds."""
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
    """1: for each variant stock and external balances add up to 0."""
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


def check_fill(item: Item, lots: Mapping[str, Lot], units: Sequence[SerialUnit], today: Date) -> None:
    """12: nothing is short while sellable units are available elsewhere."""
    short = any(position.key == SHORTFALL and position.available < 0 for position in item.cells)
    elsewhere = [
        position
        for position in item.cells
        if position.available > unsellable_at(item, position.key, units, today)
        and is_sellable(lots, position.lot_code, today)
    ]
    assert not (short and elsewhere), item


def unsellable_at(item: Item, key: PositionKey, units: Iterable[SerialUnit], today: Date) -> int:
    """Unsellable serials on the shelf of a position, counted one by one."""
    return sum(
        unit.blocked or (unit.expiry_date is not None and unit.expiry_date < today)
        for unit in units
        if unit.status == "in_stock" and (unit.logical_guid, unit.variant_id) == (item.logical_guid, item.variant_id)
        if PositionKey(unit.zone_id, unit.bin_id, unit.lot_code) == key
    )


def check_standing_still(before: Item, after: Item, entries: Iterable[StockCardEntry]) -> None:
    """11: calls that only move goods or names about change no bucket total."""
    if all(_stands_still(entry) for entry in entries):
        assert before.buckets() == after.buckets(), after


def _stands_still(entry: StockCardEntry) -> bool:
    from_reservation = entry.from_account.held_by_type == "reservation" and entry.to_account.bucket == "reserved"
    return entry.kind in STANDING_STILL or from_reservation


def check_shortfall(before: Item, after: Item, entries: Iterable[StockCardEntry], backorder_limit: int) -> None:
    """6: nothing but a promise takes the shortfall account further below 0, and only where the policy lets it."""
    was, now = (
        sum(position.available for position in item.cells if position.key == SHORTFALL) for item in (before, after)
    )
    if now < min(0, was):
        assert any(entry.kind in PROMISING for entry in entries), after
        assert backorder_limit > 0, after


class Claims(NamedTuple):
    """What is claimed of an item's units before anyone is promised more: policy, holdbacks, overdue promises."""

    policy: PolicyValues
    held_back: int
    promises: Sequence[Promised]


def promisable(item: Item, claims: Claims, lots: Mapping[str, Lot], units: Sequence[SerialUnit], now: Utc) -> int:
    """18, 19: what a promise may ask for, from the contract's terms and nothing else."""
    today = day_of(now)
    overdue = sum(
        held.quantity
        for promise in claims.promises
        if not isinstance(promise, Commit) and promise.expires_utc <= now
        for held in promise.positions
        if is_sellable(lots, held.lot_code, today)
    )
    unsellable = sum(
        unsellable_at(item, position.key, units, today)
        if is_sellable(lots, position.lot_code, today)
        else position.available
        for position in item.cells
    )
    policy = claims.policy
    base = item.available + overdue - unsellable - policy.safety_stock - claims.held_back
    return max(0, base + policy.backorder_limit)


def check_transfers(
    transfers: Iterable[TransferRecord], shipments: Sequence[Shipment], entries: Iterable[StockCardEntry]
) -> None:
    """20, line by line: by the transfer's own counters, by its shipments', and by the entries."""
    carried: Counter[tuple[str, int, str]] = Counter()
    left: Counter[str] = Counter()
    for entry in entries:
        if entry.kind == "transfer_ship":
            left[entry.document_id] += entry.quantity
    for shipment in shipments:
        assert shipment.status == status_of(shipment.lines)
        assert (shipment.received_utc is not None) == (shipment.status == "received")
        assert left[shipment.shipment_id] == sum(line.quantity for line in shipment.lines)
        for line in shipment.lines:
            assert line.quantity == line.accepted + line.damaged + line.missing + line.outstanding, line
            key = (shipment.transfer_id, line.transfer_line_no)
            carried[(*key, "shipped")] += line.quantity
            carried[(*key, "in_transit")] += line.outstanding
            carried[(*key, "received")] += line.accepted
            carried[(*key, "damaged")] += line.damaged
            carried[(*key, "missing")] += line.missing
    for transfer in transfers:
        for asked in transfer.lines:
            assert asked.shipped == asked.in_transit + asked.received + asked.damaged + asked.missing, asked
            assert asked.shipped <= asked.approved <= asked.quantity, asked
            for name in ("shipped", "in_transit", "received", "damaged", "missing"):
                assert getattr(asked, name) == carried[transfer.transfer_id, asked.line_no, name], (name, asked)
        on_the_way = any(line.in_transit for line in transfer.lines)
        to_follow = not transfer.final and any(line.unshipped for line in transfer.lines)
        over = bool(transfer.trips) and not on_the_way and not to_follow
        assert (transfer.status == "completed") == over, transfer


def check_count(count: Count, entries: Iterable[StockCardEntry]) -> None:
    """21: an approved count has changed each of its positions by the variance, another count nothing."""
    posted: Counter[tuple[str, PositionKey]] = Counter()
    for entry in entries:
        if entry.kind == "count" and entry.document_id == count.count_id:
            for side, units in ((entry.from_account, -entry.quantity), (entry.to_account, entry.quantity)):
                if side.kind == "stock":
                    posted[entry.variant_id, _key_of(side)] += units
    lines = {(line.variant_id, line.key): line.variance or 0 for line in count.lines}
    due = lines if count.status == "approved" else {}
    assert {key: units for key, units in due.items() if units} == {key: units for key, units in posted.items() if units}


def expected_at(moment: Utc, facility: str, variant: str, key: PositionKey, entries: Iterable[StockCardEntry]) -> int:
    """What the entries say lay at a position at a moment, whosever it was."""
    units = 0
    for entry in entries:
        if entry.variant_id == variant and entry.recorded_utc <= moment:
            for side, moved in ((entry.from_account, -entry.quantity), (entry.to_account, entry.quantity)):
                here = side.logical_guid == facility and side.bucket != "in_transit"
                units += moved if here and _key_of(side) == key else 0
    return units


def serials_at(
    moment: Utc, facility: str, variant: str, key: PositionKey, entries: Iterable[StockCardEntry]
) -> set[str]:
    """The serials that the entries say lay at a position at a moment."""
    where: dict[str, Account] = {}
    for entry in entries:
        if entry.variant_id == variant and entry.recorded_utc <= moment:
            where |= dict.fromkeys(entry.serials, entry.to_account)
    return {
        serial_no
        for serial_no, side in where.items()
        if side.logical_guid == facility and side.bucket != "in_transit" and _key_of(side) == key
    }


def check_title(consignments: Iterable[ConsignmentRecord], entries: Sequence[StockCardEntry]) -> None:
    """22: what is consumed was consumed by entries, and nothing is paid for that was not."""
    consumed: Counter[str] = Counter()
    for entry in entries:
        if entry.from_account.held_by_type == "consignment" and entry.to_account.bucket == "available":
            assert entry.kind == "consign_consume", entry
            consumed[entry.document_id] += entry.quantity
    for kept in consignments:
        assert kept.settled <= kept.consumed == consumed[kept.consignment_id], kept
        assert kept.quantity == kept.on_hand + kept.consumed + kept.returned + kept.lost, kept
        assert kept.on_hand == sum(held.quantity for held in kept.positions), kept


def check_serials(units: Iterable[SerialUnit], entries: Iterable[StockCardEntry]) -> None:
    """23: a unit is where its last entry put it, its lot is its position's, and every entry took it from there."""
    last: dict[tuple[str, str], StockCardEntry] = {}
    for entry in entries:
        for serial_no in entry.serials:
            _check_step(last.get((entry.variant_id, serial_no)), entry)
            last[entry.variant_id, serial_no] = entry
    for unit in units:
        if unit.kind == "serial":
            known = last.pop((unit.variant_id, unit.serial_no or ""), None)
            where = _whereabouts(known.to_account) if known is not None else Whereabouts()
            assert unit.status == status_at(where), unit
            assert unit.last_entry_id == (known.entry_id if known is not None else None), unit
            place = (unit.logical_guid, unit.zone_id, unit.bin_id, unit.held_by_id)
            assert place == (where.logical_guid, where.zone_id, where.bin_id, where.held_by_id), unit
            assert where.logical_guid is None or unit.lot_code == where.lot_code, unit
    assert not last, last


def _check_step(before: StockCardEntry | None, entry: StockCardEntry) -> None:
    """An entry takes a unit from where the one before left it; one that is assigned was in no stock."""
    was = status_at(_whereabouts(before.to_account)) if before is not None else "registered"
    if entry.from_account.kind == "external" or entry.kind == "assign":
        assert was in COMES_IN_FROM, entry
    else:
        assert before is not None, entry
        assert entry.from_account.logical_guid == before.to_account.logical_guid, entry
        assert _key_of(entry.from_account) == _key_of(before.to_account), (before, entry)
        assert status_at(_whereabouts(entry.from_account)) == was, (was, entry)
    assert len(entry.serials) <= entry.quantity, entry


def check_marks(item: Item, units: Iterable[SerialUnit], entries: Iterable[StockCardEntry], *, tracked: bool) -> None:
    """23: what an item counts of its serials is what the serials say; no account has more of them than units, and under
    tracking `serial` since the first receipt exactly as many."""
    here = [unit for unit in units if (unit.logical_guid, unit.variant_id) == (item.logical_guid, item.variant_id)]
    shelf: Counter[PositionKey] = Counter()
    blocked: Counter[PositionKey] = Counter()
    dated: dict[PositionKey, Counter[Date]] = {}
    idle: Counter[tuple[PositionKey, str]] = Counter()
    for unit in here:
        key = PositionKey(unit.zone_id, unit.bin_id, unit.lot_code)
        if unit.status == "in_stock":
            shelf[key] += 1
            blocked[key] += unit.blocked
            if unit.expiry_date is not None and not unit.blocked:
                dated.setdefault(key, Counter())[unit.expiry_date] += 1
        elif unit.held_by_id is None and unit.status in {"quarantined", "damaged"}:
            idle[key, unit.status] += 1
    for position in item.cells:
        key = position.key
        assert (position.serials, position.blocked) == (shelf[key], blocked[key]), position
        assert position.dated == dict(dated.get(key, {})), position
        assert (position.quarantine_serials, position.damaged_serials) == (
            idle[key, "quarantined"],
            idle[key, "damaged"],
        ), position
    named, all_units = _by_account(item, here, entries)
    for account, units_there in all_units.items():
        assert named[account] <= units_there, (account, named[account], units_there)
        assert not tracked or named[account] == units_there, (account, named[account], units_there)


def _by_account(
    item: Item, here: Sequence[SerialUnit], entries: Iterable[StockCardEntry]
) -> tuple[Counter[Any], Counter[Any]]:
    """Serials, and units, of an item by account, the shelf of a position being one."""
    units: Counter[Any] = Counter()
    ends: dict[str, Any] = {}
    for entry in entries:
        if not touches(entry, item):
            continue
        for side, quantity in ((entry.from_account, -entry.quantity), (entry.to_account, entry.quantity)):
            if side.logical_guid == item.logical_guid:
                units[_account(side)] += quantity
        ends |= dict.fromkeys(entry.serials, entry.to_account)
    named = Counter(_account(ends[unit.serial_no or ""]) for unit in here if unit.serial_no in ends)
    return named, units


def _account(side: Account) -> Any:
    if side.bucket in {"available", "reserved"} or side.stage == "open":
        return "shelf", _key_of(side)
    return side.bucket, side.stage, side.held_by_id, _key_of(side)


def _whereabouts(account: Account) -> Whereabouts:
    names = Whereabouts.__struct_fields__
    return Whereabouts(
        **{name: getattr(account, name) for name in names if account.kind == "stock" or name == "external"}
    )


def _key_of(account: Account) -> PositionKey:
    return PositionKey(account.zone_id, account.bin_id, account.lot_code)


def check_shipped(months: Iterable[ShippedMonth], entries: Iterable[StockCardEntry]) -> None:
    """The counters demand is computed from are the sums of the `ship` entries of each day."""
    booked: Counter[tuple[str, str | None, str, str]] = Counter()
    for entry in entries:
        if entry.kind == "ship":
            day = day_of(entry.recorded_utc)
            booked[entry.variant_id, entry.from_account.logical_guid, entry.channel_code or "", day] += entry.quantity
    counted = {
        (month.variant_id, month.logical_guid, month.channel_code, f"{month.month}-{day:02}"): units
        for month in months
        for day, units in enumerate(month.days, 1)
        if units
    }
    assert counted == dict(booked)
