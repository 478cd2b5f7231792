"""Long random histories of calls: after every one, whatever was answered, the contract's invariants hold."""

from random import Random
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from chassis.clock import day_of
from chassis.errors import Refusal
from services.ics.allocation.handlers import (
    AllocationCreateRequest,
    AllocationExpireRequest,
    AllocationReleaseRequest,
    ics_allocation_create,
    ics_allocation_expire,
    ics_allocation_release,
)
from services.ics.allocation.store import ALLOCATIONS
from services.ics.bin.handlers import BinCreateRequest, ics_bin_create
from services.ics.commit.handlers import (
    CommitCreateRequest,
    CommitReleaseRequest,
    PackRecordRequest,
    PickRecordRequest,
    ShipRecordRequest,
    ics_commit_create,
    ics_commit_create_direct,
    ics_commit_release,
    ics_pack_record,
    ics_pick_record,
    ics_ship_record,
)
from services.ics.commit.store import COMMITS
from services.ics.ledger.balance import Item
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.store import BIN_UNITS, ENTRIES, ITEMS
from services.ics.policy.handlers import StockPolicySetRequest, ics_stock_policy_set
from services.ics.policy.store import POLICIES
from services.ics.putaway.handlers import PutawayRecordRequest, ics_putaway_record
from services.ics.receive.fields import QcResultInput, ReceiveLineInput
from services.ics.receive.handlers import (
    QcCompleteRequest,
    ReceiveRecordRequest,
    ics_qc_complete,
    ics_receive_record,
)
from services.ics.receive.store import RECEIPTS
from services.ics.reservation.handlers import (
    ReservationCreateRequest,
    ReservationExpireRequest,
    ReservationReleaseRequest,
    ics_reservation_create,
    ics_reservation_expire,
    ics_reservation_release,
)
from services.ics.reservation.store import RESERVATIONS
from services.ics.serial.domain import as_lot
from services.ics.serial.store import SERIALS
from services.ics.stock.handlers import (
    AdjustmentCreateRequest,
    StockTransitionRequest,
    ics_adjustment_create,
    ics_stock_transition,
)
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
STEPS = 100


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
        for facility in FACILITIES * 3:
            self.receive(facility)

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

    def step(self) -> None:
        """One call, whichever."""
        names = [name for name, weight in WEIGHTS.items() for _ in range(weight)]
        getattr(self, self.random.choice(names))(self.random.choice(FACILITIES))

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

    def receive(self, facility: str) -> None:
        lines = []
        for _ in range(self.random.choice((1, 1, 2, 3))):
            zone, bin_id = self.place(facility)
            lot = self.lot()
            expiry: Any = EXPIRIES[lot] if lot else None
            lines.append(
                ReceiveLineInput(
                    variant_id=self.variant(),
                    quantity=self.some(),
                    zone_id=zone,
                    bin_id=bin_id,
                    lot_code=lot,
                    expiry_date=expiry,
                )
            )
        self.attempt(ics_receive_record, ReceiveRecordRequest(lines=lines), facility, call=True)

    def inspect(self, facility: str) -> None:
        receipt = self.chosen(RECEIPTS, facility)
        if receipt is None:
            return
        results = None
        if self.random.random() < 0.7:
            lines = self.random.sample(receipt.lines, self.random.randint(1, len(receipt.lines)))
            results = [self.result(facility, line) for line in lines]
        body = QcCompleteRequest(receive_id=receipt.receive_id, expected_revision=receipt.revision, results=results)
        self.attempt(ics_qc_complete, body, facility, call=True)

    def result(self, facility: str, line: Any) -> QcResultInput:
        zone, bin_id = self.place(facility) if self.random.random() < 0.4 else (None, None)
        outcome: Any = self.random.choice(("accepted", "accepted", "rejected", "damaged"))
        return QcResultInput(
            line_no=line.line_no, outcome=outcome, quantity=self.some(line.pending), zone_id=zone, bin_id=bin_id
        )

    def put_away(self, facility: str) -> None:
        zone, bin_id = self.place(facility)
        to_zone, to_bin = self.random.choice(self.places[facility][1:])
        body = PutawayRecordRequest(
            variant_id=self.variant(),
            quantity=self.some(6),
            bucket=self.random.choice((None, None, "available", "quarantine", "damaged", "reserved", "committed")),
            from_zone_id=zone,
            from_bin_id=bin_id,
            to_zone_id=to_zone or "",
            to_bin_id=to_bin,
            lot_code=self.lot() if self.random.random() < 0.2 else None,
        )
        self.attempt(ics_putaway_record, body, facility, call=True)

    def adjust(self, facility: str) -> None:
        bucket: Any = self.random.choice(("available", "quarantine", "damaged", "reserved", "committed"))
        inwards = bucket in {"available", "quarantine", "damaged"} and self.random.random() < 0.4
        body = AdjustmentCreateRequest(
            variant_id=self.variant(),
            delta=self.some(4) if inwards else -self.some(4),
            from_bucket=bucket,
            reason_code="correction",
            **self.pin(facility),
        )
        self.attempt(ics_adjustment_create, body, facility, call=True)

    def transit(self, facility: str) -> None:
        source: Any
        into: Any
        source, into = self.random.sample(("available", "quarantine", "damaged"), 2)
        to_zone, to_bin = self.place(facility) if self.random.random() < 0.4 else (None, None)
        body = StockTransitionRequest(
            variant_id=self.variant(),
            from_bucket=source,
            to_bucket=into,
            quantity=self.some(4),
            to_zone_id=to_zone,
            to_bin_id=to_bin,
            **self.pin(facility),
        )
        self.attempt(ics_stock_transition, body, facility, call=True)

    def reserve(self, facility: str) -> None:
        seconds = self.random.choice((5, 60, 10_000))
        body = ReservationCreateRequest(variant_id=self.variant(), quantity=self.some(), ttl_seconds=seconds)
        self.attempt(ics_reservation_create, body, facility, call=True)

    def release_reservation(self, facility: str) -> None:
        if (found := self.chosen(RESERVATIONS, facility)) is not None:
            body = ReservationReleaseRequest(
                reservation_id=found.reservation_id,
                expected_revision=found.revision,
                quantity=self.part_of(found.remaining),
            )
            self.attempt(ics_reservation_release, body, facility)

    def expire(self, facility: str) -> None:
        if (found := self.chosen(RESERVATIONS, facility)) is not None:
            body = ReservationExpireRequest(reservation_id=found.reservation_id, expected_revision=found.revision)
            self.attempt(ics_reservation_expire, body, facility)
        if (other := self.chosen(ALLOCATIONS, facility)) is not None:
            again = AllocationExpireRequest(allocation_id=other.allocation_id, expected_revision=other.revision)
            self.attempt(ics_allocation_expire, again, facility)

    def allocate(self, facility: str) -> None:
        body = AllocationCreateRequest(
            variant_id=self.variant(), quantity=self.some(), order_ref="O-1", **self.pin(facility)
        )
        self.attempt(ics_allocation_create, body, facility, call=True)

    def allocate_reserved(self, facility: str) -> None:
        if (found := self.chosen(RESERVATIONS, facility)) is not None:
            body = AllocationCreateRequest(
                reservation_id=found.reservation_id,
                expected_revision=found.revision,
                quantity=self.part_of(found.remaining),
                order_ref="O-1",
                ttl_seconds=60,
                **self.pin(facility),
            )
            self.attempt(ics_allocation_create, body, facility, call=True)

    def release_allocation(self, facility: str) -> None:
        if (found := self.chosen(ALLOCATIONS, facility)) is not None:
            body = AllocationReleaseRequest(
                allocation_id=found.allocation_id,
                expected_revision=found.revision,
                quantity=self.part_of(found.remaining),
            )
            self.attempt(ics_allocation_release, body, facility)

    def commit_direct(self, facility: str) -> None:
        body = CommitCreateRequest(variant_id=self.variant(), quantity=self.some(), order_ref="O-1")
        self.attempt(ics_commit_create_direct, body, facility, call=True)

    def commit(self, facility: str) -> None:
        allocated = self.random.random() < 0.5
        found = self.chosen(ALLOCATIONS if allocated else RESERVATIONS, facility)
        if found is not None:
            body = CommitCreateRequest(
                reservation_id=None if allocated else found.reservation_id,
                allocation_id=found.allocation_id if allocated else None,
                expected_revision=found.revision,
                quantity=self.part_of(found.remaining),
                order_ref="O-1",
            )
            self.attempt(ics_commit_create, body, facility)

    def pick(self, facility: str) -> None:
        if (found := self.chosen(COMMITS, facility)) is not None:
            to_zone, to_bin = self.place(facility)
            body = PickRecordRequest(
                commit_id=found.commit_id,
                expected_revision=found.revision,
                quantity=self.some(found.open),
                to_zone_id=to_zone,
                to_bin_id=to_bin,
                **self.pin(facility),
            )
            self.attempt(ics_pick_record, body, facility, call=True)

    def pack(self, facility: str) -> None:
        if (found := self.chosen(COMMITS, facility)) is not None:
            zone, bin_id = self.place(facility) if self.random.random() < 0.4 else (None, None)
            body = PackRecordRequest(
                commit_id=found.commit_id,
                expected_revision=found.revision,
                quantity=self.some(found.picked),
                zone_id=zone,
                bin_id=bin_id,
            )
            self.attempt(ics_pack_record, body, facility, call=True)

    def ship(self, facility: str) -> None:
        if (found := self.chosen(COMMITS, facility)) is not None:
            stage: Any = self.random.choice(("open", "picked", "packed"))
            body = ShipRecordRequest(
                commit_id=found.commit_id,
                expected_revision=found.revision,
                quantity=self.some(getattr(found, stage)),
                from_stage=stage,
            )
            self.attempt(ics_ship_record, body, facility, call=True)

    def release_commit(self, facility: str) -> None:
        if (found := self.chosen(COMMITS, facility)) is not None:
            stage: Any = self.random.choice((None, "open", "picked", "packed"))
            there = getattr(found, stage) if stage else found.open + found.picked + found.packed
            body = CommitReleaseRequest(
                commit_id=found.commit_id,
                expected_revision=found.revision,
                quantity=self.part_of(there),
                stage=stage,
            )
            self.attempt(ics_commit_release, body, facility)

    def wait(self, _: str) -> None:
        self.memory.clock.advance(self.random.choice((1, 1, 30, 3600, 86_400)))

    def block(self, _: str) -> None:
        """A lot is blocked, or freed again; what is freed joins at the next call that brings units."""
        found = [unit for unit in self.memory.all(SERIALS) if unit.kind == "batch"]
        if found:
            lot = self.random.choice(found)

            async def turn(change: MemoryChange) -> None:
                await change.update(SERIALS, replace(lot, blocked=not lot.blocked))

            self.memory.change(turn)
            self.late |= {item.item_id for item in self.memory.all(ITEMS) if item.variant_id == lot.variant_id}

    def set_policy(self, _: str) -> None:
        policy = self.random.choice(self.memory.all(POLICIES))
        body = StockPolicySetRequest(
            variant_id=policy.variant_id,
            expected_revision=policy.revision,
            backorder_limit=self.random.choice((0, 3, 6)),
            safety_stock=self.random.choice((0, 0, 2)),
        )
        self.do(ics_stock_policy_set, body)


LIVE = {"active", "open", "picked", "packed", "received", "inspecting"}
WEIGHTS = {
    "receive": 8,
    "inspect": 4,
    "put_away": 5,
    "adjust": 3,
    "transit": 3,
    "reserve": 5,
    "release_reservation": 2,
    "expire": 2,
    "allocate": 3,
    "allocate_reserved": 3,
    "release_allocation": 2,
    "commit_direct": 3,
    "commit": 4,
    "pick": 6,
    "pack": 3,
    "ship": 4,
    "release_commit": 3,
    "wait": 2,
    "block": 1,
    "set_policy": 1,
}


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whatever_is_called_the_invariants_hold(seed: int) -> None:
    house = House(seed)
    for number in range(STEPS):
        note(f"step {number}")
        house.step()
    assert house.answered > STEPS // 10


def _of(entry: StockCardEntry, item: Item) -> bool:
    facilities_named = {entry.from_account.logical_guid, entry.to_account.logical_guid}
    return entry.variant_id == item.variant_id and item.logical_guid in facilities_named
