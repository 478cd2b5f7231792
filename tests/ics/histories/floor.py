"""What happens to units on the floor: they come, are inspected, moved, corrected; lots, places and policies change."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from services.ics.bin.handlers import BinStatusSetRequest, BinUpdateRequest, ics_bin_status_set, ics_bin_update
from services.ics.bin.store import BINS
from services.ics.holdback.handlers import HoldbackSetRequest, ics_holdback_set
from services.ics.holdback.store import HOLDBACKS
from services.ics.ledger.store import ITEMS
from services.ics.policy.handlers import StockPolicySetRequest, ics_stock_policy_set
from services.ics.policy.store import POLICIES
from services.ics.putaway.handlers import PutawayRecordRequest, ics_putaway_record
from services.ics.receive.domain import ReceiveRecord
from services.ics.receive.fields import QcResultInput
from services.ics.receive.handlers import QcCompleteRequest, ReceiveRecordRequest, ics_qc_complete, ics_receive_record
from services.ics.receive.store import RECEIPTS
from services.ics.serial.domain import SerialUnit
from services.ics.serial.handlers import SerialUpdateRequest, ics_serial_update
from services.ics.serial.store import SERIALS
from services.ics.stock.assigning import SerialAssignRequest, ics_serial_assign
from services.ics.stock.handlers import (
    AdjustmentCreateRequest,
    StockTransitionRequest,
    ics_adjustment_create,
    ics_stock_transition,
)
from services.ics.stock.serial_rules import STATUSES
from tests.ics.histories.checks import TRACKED
from tests.ics.histories.machine import (
    FACILITY,
    LOT,
    MIXED,
    PART,
    PIN,
    PIN_LOT,
    PLACE,
    SHELVES,
    UNITS,
    VARIANT,
    WHICH,
    HistoryMachine,
    some,
)

UNHELD = st.sampled_from(("available", "quarantine", "damaged"))
SHELF = st.sampled_from(SHELVES)
ASSIGNED = st.sampled_from((None, None, "quarantine", "damaged", "consignment"))
DATES = st.sampled_from(("2026-03-01", "2026-03-02", "2026-03-03", "2031-01-01"))
SHELVED = st.sampled_from(
    (None, None, None, "available", "quarantine", "damaged", "consignment", "reserved", "committed")
)


def pending(receipt: ReceiveRecord) -> bool:
    """Whether a receipt has units to be inspected."""
    return receipt.status != "completed"


class Floor(HistoryMachine):
    """The calls that move goods without promising them, and those that change what holds for them."""

    @rule(facility=FACILITY, variant=VARIANT, units=UNITS, place=PLACE, lot=LOT)
    def receive(self, facility: str, variant: str, units: int, place: str, lot: str | None) -> None:
        lines = [self.line(facility, variant, units, place, lot)]
        self.attempt(ics_receive_record, ReceiveRecordRequest(lines=lines), facility)

    @some(RECEIPTS, pending)
    @rule(which=WHICH, outcome=st.sampled_from(("accepted", "rejected", "damaged", None)), units=PART, to=PIN)
    def inspect(self, which: int, outcome: Any, units: int | None, to: str | None) -> None:
        if (receipt := self.nth(RECEIPTS, which, pending)) is None:
            return
        results = None
        if outcome is not None:
            line = next((line for line in receipt.lines if line.pending), receipt.lines[0])
            zone, bin_id = self.places[receipt.logical_guid, to or "nowhere"]
            quantity = min(units or line.pending, line.pending) or 1
            result = QcResultInput(
                line_no=line.line_no, outcome=outcome, quantity=quantity, zone_id=zone, bin_id=bin_id
            )
            results = [result]
        body = QcCompleteRequest(receive_id=receipt.receive_id, expected_revision=receipt.revision, results=results)
        self.attempt(ics_qc_complete, body, receipt.logical_guid)

    @rule(facility=FACILITY, variant=VARIANT, units=UNITS, bucket=SHELVED, shelf=WHICH, to=SHELF, lot=PIN_LOT)
    def put_away(
        self, facility: str, variant: str, units: int, bucket: Any, shelf: int, to: str, lot: str | None
    ) -> None:
        to_zone, to_bin = self.places[facility, to]
        quantity, serials = self.named(facility, variant, units, *STATUSES[bucket], needed=False)
        if serials and lot is None:
            place = {"from_zone_id": None, "from_bin_id": None}
        else:
            place = self.shelf(facility, variant, shelf)
        body = PutawayRecordRequest(
            variant_id=variant,
            quantity=quantity,
            serials=serials,
            bucket=bucket,
            to_zone_id=to_zone or "",
            to_bin_id=to_bin,
            lot_code=lot,
            **place,
        )
        self.attempt(ics_putaway_record, body, facility)

    @rule(facility=FACILITY, variant=VARIANT, units=UNITS, bucket=UNHELD, place=PIN, lot=LOT)
    def find(self, facility: str, variant: str, units: int, bucket: Any, place: str | None, lot: str | None) -> None:
        self.adjust(facility, variant, units, bucket, place, lot, self.coming(variant, units))

    @rule(facility=FACILITY, variant=VARIANT, units=UNITS, which=WHICH, place=PIN)
    def lose(self, facility: str, variant: str, units: int, which: int, place: str | None) -> None:
        """Units of a bucket that has some, held or not."""
        buckets = self.buckets(facility, variant)
        bucket = buckets[which % len(buckets)]
        quantity, serials = self.named(facility, variant, units, *STATUSES[bucket])
        self.adjust(facility, variant, -quantity, bucket, place, None, serials)

    def adjust(
        self, facility: str, variant: str, delta: int, bucket: Any, place: str | None, lot: Any, named: Any
    ) -> None:
        body = AdjustmentCreateRequest(
            variant_id=variant,
            delta=delta,
            from_bucket=bucket,
            reason_code="correction",
            serials=named,
            **self.pin(facility, place, lot),
        )
        self.attempt(ics_adjustment_create, body, facility)

    @rule(facility=FACILITY, variant=VARIANT, units=UNITS, source=UNHELD, into=UNHELD, place=PIN, to=PIN)
    def transit(
        self, facility: str, variant: str, units: int, source: Any, into: Any, place: str | None, to: str | None
    ) -> None:
        quantity, serials = self.named(facility, variant, units, *STATUSES[source], needed=False)
        body = StockTransitionRequest(
            variant_id=variant,
            from_bucket=source,
            to_bucket=into,
            quantity=quantity,
            serials=serials,
            **self.pin(facility, place),
            **self.target(facility, to),
        )
        self.attempt(ics_stock_transition, body, facility)

    @rule(facility=FACILITY, variant=st.just(MIXED), units=UNITS, bucket=ASSIGNED, shelf=WHICH)
    def assign(self, facility: str, variant: str, units: int, bucket: Any, shelf: int) -> None:
        """Units that have no serial get one, where they are."""
        place = self.shelf(facility, variant, shelf)
        body = SerialAssignRequest(
            variant_id=variant,
            serials=self.fresh(units),
            bucket=bucket,
            zone_id=place["from_zone_id"],
            bin_id=place["from_bin_id"],
            lot_code=self.lot_at(facility, variant, shelf),
        )
        self.attempt(ics_serial_assign, body, facility)

    @rule(seconds=st.sampled_from((1, 30, 3600, 86_400)))
    def wait(self, seconds: int) -> None:
        self.memory.clock.advance(seconds)

    @rule(which=WHICH)
    def block(self, which: int) -> None:
        """A lot is blocked, or freed again; what is freed joins at the next call that brings units."""
        self.turn_block([unit for unit in self.memory.all(SERIALS) if unit.kind == "batch"], which)

    @rule(facility=FACILITY, variant=st.sampled_from((TRACKED, MIXED)), which=WHICH)
    def block_unit(self, facility: str, variant: str, which: int) -> None:
        """A single unit is blocked, or freed again: promisable follows at once."""
        units = [unit for unit in self.checks.units(variant) if unit.logical_guid == facility]
        self.turn_block(units, which)

    @rule(facility=FACILITY, variant=st.sampled_from((TRACKED, MIXED)), which=WHICH, day=DATES)
    def date_unit(self, facility: str, variant: str, which: int, day: Any) -> None:
        """A single unit gets another expiry date."""
        units = [unit for unit in self.checks.units(variant) if unit.logical_guid == facility]
        if units:
            unit = units[which % len(units)]
            body = SerialUpdateRequest(
                serial_id=unit.serial_id, expected_revision=unit.revision, expiry_date=day, attributes={"seen": 1}
            )
            self.checks.late |= {item.item_id for item in self.memory.all(ITEMS) if item.variant_id == variant}
            assert self.attempt(ics_serial_update, body, "FAC-A")

    def turn_block(self, lots: list[SerialUnit], which: int) -> None:
        """The n-th of these lots or units is blocked, or freed."""
        if lots:
            lot = lots[which % len(lots)]
            reason = None if lot.blocked else "recalled"
            body = SerialUpdateRequest(
                serial_id=lot.serial_id, expected_revision=lot.revision, blocked=not lot.blocked, block_reason=reason
            )
            self.checks.late |= {item.item_id for item in self.memory.all(ITEMS) if item.variant_id == lot.variant_id}
            assert self.attempt(ics_serial_update, body, "FAC-A")

    @rule(which=WHICH)
    def turn(self, which: int) -> None:
        """A bin is closed, or opened again."""
        places = self.memory.all(BINS)
        place = places[which % len(places)]
        status: Any = "inactive" if place.status == "active" else "active"
        body = BinStatusSetRequest(bin_id=place.bin_id, expected_revision=place.revision, status=status)
        self.attempt(ics_bin_status_set, body, place.logical_guid)

    @rule(which=WHICH, capacity=st.none() | st.integers(1, 15))
    def refit(self, which: int, capacity: int | None) -> None:
        """A bin takes fewer units, more, or any number of them."""
        places = self.memory.all(BINS)
        place = places[which % len(places)]
        clear: Any = ["capacity"] if capacity is None else None
        body = BinUpdateRequest(
            bin_id=place.bin_id, expected_revision=place.revision, capacity=capacity, clear=clear, name="refitted"
        )
        if place.capacity is not None or capacity is not None:
            assert self.attempt(ics_bin_update, body, place.logical_guid)

    @rule(
        variant=VARIANT,
        qc=st.sampled_from(("skip", "required")),
        backorder=st.sampled_from((0, 3, 6)),
        safety=st.sampled_from((0, 0, 2)),
    )
    def set_policy(self, variant: str, qc: Any, backorder: int, safety: int) -> None:
        known = next((policy for policy in self.memory.all(POLICIES) if policy.variant_id == variant), None)
        body = StockPolicySetRequest(
            variant_id=variant,
            expected_revision=known.revision if known else None,
            tracking="serial" if variant == TRACKED else "none",
            qc=qc,
            backorder_limit=backorder,
            safety_stock=safety,
        )
        assert self.attempt(ics_stock_policy_set, body, "FAC-A")

    @rule(facility=FACILITY, variant=VARIANT, units=st.integers(0, 3), channel=st.sampled_from((None, "WEB", "POS")))
    def hold_back(self, facility: str, variant: str, units: int, channel: str | None) -> None:
        key = (facility, variant, channel)
        known = next(
            (
                each
                for each in self.memory.all(HOLDBACKS)
                if (each.logical_guid, each.variant_id, each.channel_code) == key
            ),
            None,
        )
        body = HoldbackSetRequest(
            variant_id=variant,
            channel_code=channel,
            quantity=units,
            expected_revision=known.revision if known else None,
        )
        assert self.attempt(ics_holdback_set, body, facility)
