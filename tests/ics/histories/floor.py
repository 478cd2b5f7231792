"""What happens to units on the floor: they come, are inspected, moved, corrected; lots and policies change."""

from typing import Any

from msgspec.structs import replace

from services.ics.ledger.store import ITEMS
from services.ics.policy.handlers import StockPolicySetRequest, ics_stock_policy_set
from services.ics.policy.store import POLICIES
from services.ics.putaway.handlers import PutawayRecordRequest, ics_putaway_record
from services.ics.receive.fields import QcResultInput, ReceiveLineInput
from services.ics.receive.handlers import QcCompleteRequest, ReceiveRecordRequest, ics_qc_complete, ics_receive_record
from services.ics.receive.store import RECEIPTS
from services.ics.serial.store import SERIALS
from services.ics.stock.handlers import (
    AdjustmentCreateRequest,
    StockTransitionRequest,
    ics_adjustment_create,
    ics_stock_transition,
)
from tests.ics.histories.house import EXPIRIES, FACILITIES, House
from tests.ics.memory import MemoryChange


class Floor(House):
    """A house with goods in it, and the calls that move them without promising them."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        for facility in FACILITIES * 3:
            self.receive(facility)

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
