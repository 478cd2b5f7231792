"""What goes from one facility to the other: asked for, approved, sent, booked in, found missing."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from services.ics.transfer.domain import TransferRecord
from services.ics.transfer.handlers import (
    TransferApprovalInput,
    TransferLineInput,
    TransferRequestApproveRequest,
    TransferRequestCancelRequest,
    TransferRequestCreateRequest,
    TransferRequestSubmitRequest,
    ics_transfer_request_approve,
    ics_transfer_request_cancel,
    ics_transfer_request_create,
    ics_transfer_request_submit,
)
from services.ics.transfer.receiving import (
    TransferReceiptInput,
    TransferReceiveRequest,
    TransferShipmentCloseRequest,
    ics_transfer_shipment_close,
    ics_transfer_shipment_receive,
)
from services.ics.transfer.shipment import Shipment
from services.ics.transfer.shipping import (
    ShipmentLineInput,
    TransferShipmentRecordRequest,
    ics_transfer_shipment_record,
)
from services.ics.transfer.store import SHIPMENTS, TRANSFERS
from tests.ics.histories.machine import FACILITIES, FACILITY, PART, PIN, UNITS, VARIANT, WHICH, HistoryMachine, some

OUTCOME = st.sampled_from(("accepted", "accepted", "damaged", "missing"))
DAYS = st.sampled_from((None, "2026-03-02", "2026-03-05"))


def to_send(transfer: TransferRecord) -> bool:
    """Whether another shipment of a transfer may leave."""
    return not transfer.final and any(line.unshipped for line in transfer.lines)


def under_way(shipment: Shipment) -> bool:
    """Whether a shipment has units to be booked in."""
    return shipment.status != "received"


class Transferring(HistoryMachine):
    """The lanes between two facilities."""

    @rule(origin=FACILITY, wanted=st.dictionaries(VARIANT, UNITS, min_size=1), cut=st.none() | st.integers(0, 3))
    def ask(self, origin: str, wanted: dict[str, int], cut: int | None) -> None:
        """A transfer asked for, handed in and approved, its first line cut down."""
        request = TransferRequestCreateRequest(
            from_logical_guid=origin,
            to_logical_guid=next(facility for facility in FACILITIES if facility != origin),
            lines=[TransferLineInput(variant_id=variant, quantity=units) for variant, units in wanted.items()],
        )
        transfer_id = self.attempt(ics_transfer_request_create, request, origin).transfer.transfer_id
        submit = TransferRequestSubmitRequest(transfer_id=transfer_id, expected_revision=1)
        assert self.attempt(ics_transfer_request_submit, submit, origin)
        lines = [TransferApprovalInput(line_no=1, approved=min(cut, *wanted.values()))] if cut is not None else None
        approve = TransferRequestApproveRequest(transfer_id=transfer_id, expected_revision=2, lines=lines)
        self.attempt(ics_transfer_request_approve, approve, origin)

    @some(TRANSFERS, to_send)
    @rule(which=WHICH, units=PART, place=PIN, whole=st.booleans(), final=st.booleans(), day=DAYS)
    def send(self, which: int, units: int | None, place: str | None, whole: bool, final: bool, day: Any) -> None:
        """What is left of a transfer leaves, or some of it: of one line, from one place."""
        if (transfer := self.nth(TRANSFERS, which, to_send)) is None:
            return
        origin, lines = transfer.from_logical_guid, []
        for line in transfer.lines:
            if line.unshipped:
                asked = line.unshipped if whole else min(units or 9, line.unshipped)
                quantity, serials = self.named(origin, line.variant_id, asked, "in_stock")
                pin = {} if whole else self.pin(origin, place)
                lines.append(
                    ShipmentLineInput(transfer_line_no=line.line_no, quantity=quantity, serials=serials, **pin)
                )
        body = TransferShipmentRecordRequest(
            transfer_id=transfer.transfer_id,
            expected_revision=transfer.revision,
            lines=(lines if whole else lines[:1]) or None,
            final=final,
            expected_date=day,
        )
        self.attempt(ics_transfer_shipment_record, body, origin)

    @some(SHIPMENTS, under_way)
    @rule(which=WHICH, nth=st.integers(0, 2), outcome=OUTCOME, units=PART, place=PIN)
    def book(self, which: int, nth: int, outcome: Any, units: int | None, place: str | None) -> None:
        """Units of one line arrive, or are found missing."""
        if (shipment := self.nth(SHIPMENTS, which, under_way)) is None:
            return
        coming = [line for line in shipment.lines if line.outstanding] or shipment.lines
        line, target = coming[nth % len(coming)], shipment.to_logical_guid
        zone, bin_id = self.places[target, "nowhere" if outcome == "missing" else place or "nowhere"]
        receipt = TransferReceiptInput(
            line_no=line.line_no,
            outcome=outcome,
            quantity=min(units or 9, line.outstanding) or 1,
            zone_id=zone,
            bin_id=bin_id,
        )
        body = TransferReceiveRequest(
            shipment_id=shipment.shipment_id, expected_revision=shipment.revision, lines=[receipt]
        )
        self.attempt(ics_transfer_shipment_receive, body, target)

    @some(SHIPMENTS, under_way)
    @rule(which=WHICH)
    def book_all(self, which: int) -> None:
        """All that is still on its way arrives, and nothing is wrong with it."""
        if shipment := self.nth(SHIPMENTS, which, under_way):
            body = TransferReceiveRequest(shipment_id=shipment.shipment_id, expected_revision=shipment.revision)
            self.attempt(ics_transfer_shipment_receive, body, shipment.to_logical_guid)

    @some(SHIPMENTS, under_way)
    @rule(which=WHICH)
    def close(self, which: int) -> None:
        """20: what has not arrived is missing, and its transfer may be done with it."""
        if (shipment := self.nth(SHIPMENTS, which, under_way)) is None:
            return
        coming = sum(line.outstanding for line in shipment.lines)
        body = TransferShipmentCloseRequest(
            shipment_id=shipment.shipment_id, expected_revision=shipment.revision, reason="the lorry burned down"
        )
        if answer := self.attempt(ics_transfer_shipment_close, body, shipment.to_logical_guid):
            assert answer.shipment.status == "received"
            assert answer.shipment.closed_utc == self.now
            missing = [sum(line.missing for line in each.lines) for each in (shipment, answer.shipment)]
            assert missing[1] == missing[0] + coming

    @some(TRANSFERS)
    @rule(which=WHICH)
    def cancel(self, which: int) -> None:
        """20: a cancelled transfer has shipped nothing; what is under way goes on."""
        if (transfer := self.nth(TRANSFERS, which)) is None:
            return
        body = TransferRequestCancelRequest(
            transfer_id=transfer.transfer_id, expected_revision=transfer.revision, reason="nobody needs it"
        )
        if answer := self.attempt(ics_transfer_request_cancel, body, transfer.from_logical_guid):
            shipped = any(line.shipped for line in transfer.lines)
            on_the_way = any(line.in_transit for line in transfer.lines)
            status = ("in_progress" if on_the_way else "completed") if shipped else "cancelled"
            assert answer.transfer.status == status
            assert (answer.transfer.cancelled_utc, answer.transfer.cancelled_by) == (self.now, "anna")
