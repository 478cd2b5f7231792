"""What is held after every step of a history: the contract's invariants 1 to 7, 9 to 13 and 20 to 25.

8, 18 and 19 are held where units are promised (`promises.py`), and 2 once more, by the auditor, at the end.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from chassis.clock import day_of
from services.ics.allocation.store import ALLOCATIONS
from services.ics.bin.store import BINS
from services.ics.commit.store import COMMITS
from services.ics.consignment.store import CONSIGNMENTS
from services.ics.count.store import COUNTS
from services.ics.demand.store import SHIPPED
from services.ics.holdback.store import HOLDBACKS
from services.ics.ledger.balance import Item
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.holder import HOLDER_KINDS
from services.ics.ledger.lot import Lot
from services.ics.ledger.store import BIN_UNITS, ENTRIES, ITEMS
from services.ics.policy.domain import PolicyValues, effective, scope_key
from services.ics.policy.store import POLICIES
from services.ics.receive.store import RECEIPTS
from services.ics.reservation.store import RESERVATIONS
from services.ics.serial.domain import SerialUnit, as_lot
from services.ics.serial.store import SERIALS
from services.ics.transfer.store import SHIPMENTS, TRANSFERS
from tests.ics.invariants import (
    Claims,
    Promised,
    check_conservation,
    check_count,
    check_counters,
    check_fill,
    check_marks,
    check_serials,
    check_shipped,
    check_shortfall,
    check_standing_still,
    check_title,
    check_transfers,
    differences,
    held_in,
    promisable,
    touches,
)
from tests.ics.memory import Memory

Items = Mapping[str, Item]

TRACKED = "VAR-3"
"""The variant whose every unit has a serial number."""


class Checks:
    """One memory, looked at from outside again and again."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.late: set[str] = set()
        """Items of which a lot became sellable since units last arrived: what is short there is filled at the next."""

    def after(self, items: Items, entries: list[StockCardEntry], told: int) -> list[StockCardEntry]:
        """Hold everything there is, and what became of how it stood; the entries made since."""
        known = self.memory.all(ENTRIES)
        # 5: what could be read once reads the same.
        assert all(one is other for one, other in zip(entries, known[: len(entries)], strict=True))
        new = known[len(entries) :]
        check_conservation(self.memory.all(ITEMS), known)
        check_counters(self.promises(), self.memory.all(RECEIPTS))
        check_transfers(self.memory.all(TRANSFERS), self.memory.all(SHIPMENTS), known)
        check_title(self.memory.all(CONSIGNMENTS), known)
        check_serials(self.memory.all(SERIALS), known)
        check_shipped(self.memory.all(SHIPPED), known)
        for count in self.memory.all(COUNTS):
            check_count(count, known)
        holders = [(kind, record) for kind in HOLDER_KINDS.values() for record in self.memory.all(kind.entity)]
        for item in self.memory.all(ITEMS):
            before = items.get(item.item_id)
            if before != item:
                assert differences(item, known, held_in(item, holders)) == []
                self._check_change(before, item, [entry for entry in new if touches(entry, item)])
                self._check_told(before, item, told)
            if item.serialised:
                tracked = item.variant_id == TRACKED
                check_marks(item, self.units(item.variant_id), known, tracked=tracked)
        self._check_bins()
        self._check_closed(new)
        return new

    def _check_change(self, before: Item | None, item: Item, new: list[StockCardEntry]) -> None:
        if before is not None:
            check_standing_still(before, item, new)
            check_shortfall(before, item, new, self.policy(item).backorder_limit)
        lots, today = self.lots(item.variant_id), day_of(self.memory.clock.now())
        if any(_arrives(entry, lots, today) for entry in new):
            self.late.discard(item.item_id)
        if item.item_id not in self.late:
            check_fill(item, lots, self.units(item.variant_id), today)

    def _check_told(self, before: Item | None, item: Item, told: int) -> None:
        """25: an event exactly when a total changed, with the totals as they are."""
        news = [
            (body["buckets"], body["seq"])
            for event, _, body in self.memory.events[told:]
            if event == "ics.stock.changed"
            and (body["logical_guid"], body["variant_id"]) == (item.logical_guid, item.variant_id)
        ]
        changed = before is None or before.buckets() != item.buckets()
        assert news == ([(item.buckets(), item.seq)] if changed else [])

    def _check_bins(self) -> None:
        """A bin with a limit has its units counted; of one that had a limit, positions may go on being counted."""
        limited = {place.bin_id for place in self.memory.all(BINS) if place.capacity is not None}
        held = dict.fromkeys(limited, 0)
        for item in self.memory.all(ITEMS):
            for position in item.cells:
                assert position.capped or position.bin_id not in limited
                if position.bin_id in held:
                    held[position.bin_id] += position.on_hand
        kept = {record.bin_id: record.units for record in self.memory.all(BIN_UNITS)}
        assert {bin_id: kept.get(bin_id, 0) for bin_id in limited} == held

    def _check_closed(self, new: Iterable[StockCardEntry]) -> None:
        """24: what is inactive takes nothing in."""
        closed = {place.bin_id for place in self.memory.all(BINS) if place.status == "inactive"}
        for entry in new:
            assert entry.to_account.bin_id not in closed, entry

    def promises(self) -> list[Promised]:
        """Every reservation, allocation and commit."""
        found: list[Promised] = [*self.memory.all(RESERVATIONS), *self.memory.all(ALLOCATIONS)]
        return [*found, *self.memory.all(COMMITS)]

    def lots(self, variant: str) -> dict[str, Lot]:
        """What is known of a variant's lots."""
        batches = [unit for unit in self.memory.all(SERIALS) if unit.kind == "batch" and unit.variant_id == variant]
        return {unit.lot_code: as_lot(unit) for unit in batches if unit.lot_code is not None}

    def units(self, variant: str) -> list[SerialUnit]:
        """The single units of a variant."""
        return [unit for unit in self.memory.all(SERIALS) if unit.kind == "serial" and unit.variant_id == variant]

    def policy(self, item: Item) -> PolicyValues:
        """The policy that rules an item."""
        stored = {scope_key(each.variant_id, each.logical_guid): each for each in self.memory.all(POLICIES)}
        return effective(stored, item.variant_id, item.logical_guid)[0]

    def item(self, facility: str, variant: str) -> Item:
        """The item; its absence would be the history's own mistake."""
        wanted = (facility, variant)
        return next(item for item in self.memory.all(ITEMS) if (item.logical_guid, item.variant_id) == wanted)

    def held_back(self, item: Item, channel: str) -> int:
        """Units of an item kept from a channel now."""
        now = self.memory.clock.now()
        return sum(
            each.quantity
            for each in self.memory.all(HOLDBACKS)
            if (each.logical_guid, each.variant_id) == (item.logical_guid, item.variant_id)
            and each.channel_code in {None, channel}
            and (each.starts_utc is None or each.starts_utc <= now)
            and (each.ends_utc is None or each.ends_utc > now)
        )

    def promisable(self, facility: str, variant: str, channel: str = "WEB") -> int:
        """What a promise on a channel may ask for now."""
        item = self.item(facility, variant)
        ours = [each for each in self.promises() if (each.logical_guid, each.variant_id) == (facility, variant)]
        claims = Claims(self.policy(item), self.held_back(item, channel), ours)
        return promisable(item, claims, self.lots(variant), self.units(variant), self.memory.clock.now())


def _arrives(entry: StockCardEntry, lots: Mapping[str, Lot], today: Any) -> bool:
    """Whether an entry made units available at a sellable position that is not the shortfall account's."""
    to = entry.to_account
    if to.bucket != "available":
        return False
    return bool(to.zone_id or to.lot_code) and (to.lot_code is None or lots[to.lot_code].sellable(today))
