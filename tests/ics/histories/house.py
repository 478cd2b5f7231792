"""The house a history happens in: how a call is tried, and what is checked after each one that was answered."""

from random import Random
from typing import Any

from hypothesis import note

from chassis.clock import day_of
from chassis.errors import Refusal
from services.ics.allocation.store import ALLOCATIONS
from services.ics.bin.handlers import BinCreateRequest, ics_bin_create
from services.ics.commit.store import COMMITS
from services.ics.ledger.balance import Item
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.store import BIN_UNITS, ENTRIES, ITEMS
from services.ics.policy.handlers import StockPolicySetRequest, ics_stock_policy_set
from services.ics.receive.store import RECEIPTS
from services.ics.reservation.store import RESERVATIONS
from services.ics.serial.domain import as_lot
from services.ics.serial.store import SERIALS
from services.ics.zone.handlers import ZoneCreateRequest, ics_zone_create
from tests.ics.invariants import (
    Promised,
    check_conservation,
    check_counters,
    check_fill,
    check_standing_still,
    differences,
)
from tests.ics.memory import Memory, MemoryChange

FACILITIES = ("FAC-A", "FAC-B")
VARIANTS = ("VAR-1", "VAR-2")
LOTS = (None, None, "L-A", "L-B", "L-C")
EXPIRIES = {"L-A": "2026-03-04", "L-B": None, "L-C": "2031-01-01"}
CAPACITY = 12
LIVE = {"active", "open", "picked", "packed", "received", "inspecting"}


class House:
    """Two facilities, two variants, places with and without a limit, lots that expire and are blocked."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.memory = Memory()
        self.places: dict[str, list[tuple[str | None, str | None]]] = {}
        self.capped: set[str] = set()
        self.late: set[str] = set()
        self.answered = 0
        self.open_house(self.random.choice((0, 3, 6)))

    def open_house(self, backorder: int) -> None:
        self.do(ics_stock_policy_set, StockPolicySetRequest(qc="skip", variant_id="VAR-1", backorder_limit=backorder))
        self.do(ics_stock_policy_set, StockPolicySetRequest(backorder_limit=backorder))
        for facility in FACILITIES:
            places: list[tuple[str | None, str | None]] = [(None, None)]
            for code, purpose in (("PCK", "pick"), ("OVR", "overstock")):
                request = ZoneCreateRequest(code=code, purpose=purpose)  # type: ignore[arg-type]
                zone = self.do(ics_zone_create, request, facility, call=True).zone
                limit = CAPACITY if code == "PCK" else None
                bin_request = BinCreateRequest(zone_id=zone.zone_id, code="B-01", capacity=limit)
                made = self.do(ics_bin_create, bin_request, facility).bin
                places += [(zone.zone_id, None), (zone.zone_id, made.bin_id)]
                if limit:
                    self.capped.add(made.bin_id)
            self.places[facility] = places

    def do(self, handler: Any, body: Any, facility: str = "FAC-A", *, call: bool = False) -> Any:
        """A call that succeeds."""

        async def run(change: MemoryChange) -> Any:
            return await (handler(change.call, change, body) if call else handler(change, body))

        return self.memory.change(run, facility=facility)

    def attempt(self, handler: Any, body: Any, facility: str, *, call: bool = False) -> None:
        """A call that may be refused; then everything is checked."""
        before = {item.item_id: item for item in self.memory.all(ITEMS)}
        entries = len(self.memory.all(ENTRIES))
        told = len(self.memory.events)
        if body.problems():
            return
        try:
            self.do(handler, body, facility, call=call)
        except Refusal:
            assert {item.item_id: item for item in self.memory.all(ITEMS)} == before
            assert len(self.memory.all(ENTRIES)) == entries
            assert len(self.memory.events) == told
            return
        self.answered += 1
        note(f"{body}")
        self.check(before, entries, told)

    def check(self, before: dict[str, Item], known: int, told: int) -> None:
        """Every invariant that can be seen from outside."""
        entries = self.memory.all(ENTRIES)
        new = entries[known:]
        items = self.memory.all(ITEMS)
        promises: list[Promised] = [
            *self.memory.all(RESERVATIONS),
            *self.memory.all(ALLOCATIONS),
            *self.memory.all(COMMITS),
        ]
        receipts = self.memory.all(RECEIPTS)
        check_counters(promises, receipts)
        check_conservation(items, entries)
        for item in items:
            if before.get(item.item_id) == item:
                continue
            assert differences(item, entries, promises, receipts) == []
            ours = [entry for entry in new if _of(entry, item)]
            if item.item_id in before:
                check_standing_still(before[item.item_id], item, ours)
            self.check_fill(item, ours)
            self.check_told(before.get(item.item_id), item, told)
        self.check_bins(items)

    def check_fill(self, item: Item, new: list[StockCardEntry]) -> None:
        known = {
            unit.lot_code: as_lot(unit)
            for unit in self.memory.all(SERIALS)
            if unit.kind == "batch" and unit.variant_id == item.variant_id and unit.lot_code is not None
        }
        arrived = [
            entry
            for entry in new
            if entry.to_account.bucket == "available"
            and (
                entry.to_account.zone_id
                or (entry.to_account.lot_code and known[entry.to_account.lot_code].sellable(self.today))
            )
        ]
        if arrived:
            self.late.discard(item.item_id)
        if item.item_id not in self.late:
            check_fill(item, known, self.today)

    def check_told(self, before: Item | None, item: Item, told: int) -> None:
        """Invariant 25: an event exactly when a total changed, with the totals as they are."""
        news = [
            body
            for event, _, body in self.memory.events[told:]
            if event == "ics.stock.changed"
            and (body["logical_guid"], body["variant_id"]) == (item.logical_guid, item.variant_id)
        ]
        changed = before is None or before.buckets() != item.buckets()
        assert [(body["buckets"], body["seq"]) for body in news] == ([(item.buckets(), item.seq)] if changed else [])

    def check_bins(self, items: list[Item]) -> None:
        held = dict.fromkeys(self.capped, 0)
        for item in items:
            for cell in item.cells:
                assert cell.capped == (cell.bin_id in self.capped)
                if cell.capped:
                    held[cell.bin_id or ""] += cell.on_hand
        kept = {record.bin_id: record.units for record in self.memory.all(BIN_UNITS)}
        assert {bin_id: kept.get(bin_id, 0) for bin_id in self.capped} == held

    @property
    def today(self) -> Any:
        return day_of(self.memory.clock.now())

    def variant(self) -> str:
        return self.random.choice(VARIANTS)

    def some(self, at_most: int = 9) -> int:
        """A number of units, now and then more than there can be."""
        return self.random.randint(1, max(1, at_most) + (self.random.random() < 0.1))

    def part_of(self, whole: int) -> int | None:
        """Part of what an object has, or None for all of it."""
        return None if self.random.random() < 0.4 else self.some(whole)

    def place(self, facility: str) -> tuple[str | None, str | None]:
        return self.random.choice(self.places[facility])

    def pin(self, facility: str) -> dict[str, Any]:
        """Where units must come from: mostly anywhere."""
        if self.random.random() < 0.5:
            return {}
        zone, bin_id = self.place(facility)
        return {"zone_id": zone, "bin_id": bin_id, "lot_code": self.lot() if self.random.random() < 0.3 else None}

    def lot(self) -> str | None:
        return self.random.choice(LOTS)

    def chosen(self, entity: Any, facility: str) -> Any:
        """One of the records of a facility that are still worked on (now and then any), or None."""
        records = [record for record in self.memory.all(entity) if record.logical_guid == facility]
        live = [record for record in records if record.status in LIVE]
        found = live if live and self.random.random() < 0.9 else records[-5:]
        return self.random.choice(found) if found else None


def _of(entry: StockCardEntry, item: Item) -> bool:
    facilities_named = {entry.from_account.logical_guid, entry.to_account.logical_guid}
    return entry.variant_id == item.variant_id and item.logical_guid in facilities_named
