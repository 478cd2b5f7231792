"""What a consignor still owns: taken in, consumed, paid for, sent back."""

from typing import Any

from hypothesis.stateful import rule

from chassis.values import Money
from services.ics.consignment.domain import ConsignmentRecord
from services.ics.consignment.handlers import (
    ConsignmentConsumeRequest,
    ConsignmentReceiveRequest,
    ConsignmentSettlementRequest,
    ics_consignment_consume,
    ics_consignment_receive,
    ics_consignment_settle,
)
from services.ics.consignment.store import CONSIGNMENTS
from tests.ics.histories.machine import (
    EXPIRIES,
    FACILITY,
    LOT,
    PART,
    PIN,
    PLACE,
    UNITS,
    VARIANT,
    WHICH,
    HistoryMachine,
    some,
)

COSTS = (Money(amount="0.25", currency="EUR"), Money(amount="3.5", currency="USD"))


def on_hand(kept: ConsignmentRecord) -> int:
    """Units that are still the consignor's."""
    return kept.on_hand


class Consigning(HistoryMachine):
    """Goods of others, which lie among ours."""

    @rule(facility=FACILITY, variant=VARIANT, units=UNITS, place=PLACE, lot=LOT)
    def consign(self, facility: str, variant: str, units: int, place: str, lot: Any) -> None:
        body = ConsignmentReceiveRequest(
            consignor_ref=f"CONSIGNOR-{units % 2}",
            variant_id=variant,
            quantity=units,
            unit_cost=COSTS[units // 3 % 2],
            expiry_date=EXPIRIES[lot],
            serials=self.coming(variant, units),
            **self.pin(facility, place, lot),
        )
        self.attempt(ics_consignment_receive, body, facility)

    @some(CONSIGNMENTS, on_hand)
    @rule(which=WHICH, units=UNITS, place=PIN)
    def consume(self, which: int, units: int, place: str | None) -> None:
        if kept := self.nth(CONSIGNMENTS, which, on_hand):
            zone, bin_id = self.places[kept.logical_guid, place or "nowhere"]
            body = ConsignmentConsumeRequest(
                consignment_id=kept.consignment_id,
                expected_revision=kept.revision,
                quantity=min(units, kept.on_hand) or 1,
                zone_id=zone,
                bin_id=bin_id,
            )
            self.attempt(ics_consignment_consume, body, kept.logical_guid)

    @some(CONSIGNMENTS)
    @rule(which=WHICH, paid=PART, back=UNITS)
    def settle(self, which: int, paid: int | None, back: int) -> None:
        if kept := self.nth(CONSIGNMENTS, which):
            body = ConsignmentSettlementRequest(
                consignment_id=kept.consignment_id,
                expected_revision=kept.revision,
                quantity=min(paid, kept.owed) or None if paid else None,
                return_quantity=min(back, kept.on_hand) or None,
            )
            self.attempt(ics_consignment_settle, body, kept.logical_guid)
