"""The endpoints that receive a shipment at its destination or close it short, specified in the contract's ics.yaml."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from chassis.caller import Call
from chassis.endpoint import Endpoints, Request, Revised
from chassis.errors import InvalidState, invalid_field
from chassis.unit import Change
from chassis.values import Id, Qty, Reason, Text
from services.ics.bin.domain import Place, admit
from services.ics.bin.store import places_of_lines
from services.ics.ledger.balance import NO_LANDING, item_id_of
from services.ics.ledger.store import ITEMS
from services.ics.remarks import remarked
from services.ics.stock.fields import SerialList
from services.ics.stock.posting import LedgerPosting, posting
from services.ics.stock.serial_rules import STATUSES, serial_problems_by_line
from services.ics.transfer.domain import TransferRecord, arrived, to_answer
from services.ics.transfer.shared import TransferShipmentEnvelope, load_on_side
from services.ics.transfer.shipment import (
    SHIPMENT_LINES_MAX,
    Outcome,
    Receipt,
    Shipment,
    ShipmentLineNo,
    check_outstanding,
    everything_accepted,
    everything_missing,
    parts_of_shipment,
    receive,
    received,
)
from services.ics.transfer.store import SHIPMENTS, TRANSFERS
from services.ics.words import ADJUST, OPERATOR, of_line

endpoints = Endpoints("ics", "/transfer")


class TransferReceiptInput(Request):
    line_no: ShipmentLineNo
    outcome: Outcome
    quantity: Qty
    zone_id: Id | None = None
    bin_id: Id | None = None
    serials: SerialList | None = None


class TransferReceiveRequest(Revised):
    shipment_id: Id
    lines: Annotated[list[TransferReceiptInput], Meta(min_length=1, max_length=SHIPMENT_LINES_MAX)] | None = None
    note: Text | None = None

    def problems(self) -> list[tuple[str, str]]:
        found = serial_problems_by_line((line.line_no, line.serials, line.quantity) for line in self.lines or ())
        for number, line in enumerate(self.lines or ()):
            if line.outcome == "missing":
                places = {"zone_id": line.zone_id, "bin_id": line.bin_id}
                named = [name for name, value in places.items() if value]
                found += [(f"lines.{number}.{name}", "goes with goods that arrived") for name in named]
        return found


@endpoints.post(
    "/shipment/receive",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.shipment.received", "ics.transfer.completed", "ics.stock.changed"],
    refusals={
        "conflict_state": "already received, or more than is outstanding on a line; a place is inactive or full",
        "not_found": "the facility in context is not the destination",
    },
)
async def ics_transfer_shipment_receive(
    call: Call, change: Change, body: TransferReceiveRequest
) -> TransferShipmentEnvelope:
    """Receive units of a shipment at its destination, or write off missing ones."""
    places = await places_of_lines(change, call.logical_guid, body.lines or ())
    before = await load_on_side(change, SHIPMENTS, body.shipment_id, "to_logical_guid", body.expected_revision)
    receipts = _receipts(before, body.lines, places)
    check_outstanding(before, receipts)
    items = {item_id_of(call.orgcode, call.logical_guid, line.variant_id) for line in before.lines}
    change.prefetch(ITEMS, sorted(items))
    for place, receipt in zip(places, receipts, strict=False):
        with of_line(receipt.line_no):
            admit(place)
    kept = await change.load(TRANSFERS, before.transfer_id)
    async with posting(change, "shipment", before.shipment_id, reason=body.note) as p:
        await _book(p, before, receipts, [line.serials for line in body.lines or ()])
        arrival = remarked(received(before, receipts, change.now), call, change.now, body.note)
        shipment = await change.update(SHIPMENTS, arrival, body.note)
        transfer = await _booked(change, kept, before, shipment)
        change.emit("ics.shipment.received", shipment.shipment_id, shipment=shipment)
        return _answer(change, shipment, transfer)


class TransferShipmentCloseRequest(Revised):
    shipment_id: Id
    reason: Reason


@endpoints.post(
    "/shipment/close",
    roles=ADJUST,
    needs=["logical_guid"],
    emits=["ics.shipment.closed", "ics.transfer.completed", "ics.stock.changed"],
    refusals={
        "conflict_state": "already received",
        "not_found": "the facility in context is not the destination",
    },
)
async def ics_transfer_shipment_close(change: Change, body: TransferShipmentCloseRequest) -> TransferShipmentEnvelope:
    """Close a shipment short at its destination: what has not arrived is missing."""
    before = await load_on_side(change, SHIPMENTS, body.shipment_id, "to_logical_guid", body.expected_revision)
    receipts = everything_missing(before)
    kept = await change.load(TRANSFERS, before.transfer_id)
    async with posting(change, "shipment", before.shipment_id, reason=body.reason) as p:
        await _book(p, before, receipts, [])
        closed = replace(received(before, receipts, change.now), closed_utc=change.now)
        closed = remarked(closed, change.call, change.now, body.reason)
        shipment = await change.update(SHIPMENTS, closed, body.reason)
        transfer = await _booked(change, kept, before, shipment)
        units = sum(receipt.quantity for receipt in receipts)
        change.emit("ics.shipment.closed", shipment.shipment_id, shipment=shipment, quantity=units)
        return _answer(change, shipment, transfer)


async def _booked(change: Change, kept: TransferRecord, before: Shipment, after: Shipment) -> TransferRecord:
    """The stored transfer of a shipment, after some of its units arrived or were written off."""
    booked = arrived(kept, after.shipment_id, before.lines, after.lines, received_utc=after.received_utc)
    return await change.update(TRANSFERS, booked)


def _answer(change: Change, shipment: Shipment, kept: TransferRecord) -> TransferShipmentEnvelope:
    """The answer; also emits that the transfer is completed, if it is."""
    transfer = to_answer(kept)
    if transfer.status == "completed":
        change.emit("ics.transfer.completed", transfer.transfer_id, transfer=transfer)
    return TransferShipmentEnvelope(shipment=shipment, transfer=transfer)


def _receipts(
    shipment: Shipment, lines: Sequence[TransferReceiptInput] | None, places: Sequence[Place]
) -> list[Receipt]:
    if lines is None:
        return everything_accepted(shipment)
    for number, line in enumerate(lines):
        if shipment.line(line.line_no) is None:
            raise invalid_field(f"lines.{number}.line_no", "the shipment has no such line")
    return [
        Receipt(
            line_no=line.line_no,
            outcome=line.outcome,
            quantity=line.quantity,
            place=place.landing() if place.zone is not None else NO_LANDING,
        )
        for line, place in zip(lines, places, strict=True)
    ]


async def _book(
    p: LedgerPosting, shipment: Shipment, receipts: Sequence[Receipt], asked: Sequence[Sequence[str] | None]
) -> None:
    """Move arrived units from the shipment to their place, and missing ones to the adjustment account.

    Without serials in the request, the line's own serials are used, in order of their numbers.
    """
    lines = {line.line_no: line for line in shipment.lines}
    lots: dict[str, set[str]] = {}
    for line in shipment.lines:
        if line.lot_code is not None:
            lots.setdefault(line.variant_id, set()).add(line.lot_code)
    p.serials.prefetch(
        (lines[receipt.line_no].variant_id, each) for receipt, each in zip(receipts, asked, strict=False)
    )
    items = await p.open_many([lines[receipt.line_no].variant_id for receipt in receipts], lots)
    holdings = {
        variant_id: p.own(item, "shipment", shipment.shipment_id, parts_of_shipment(shipment, variant_id))
        for variant_id, item in items.items()
    }
    for receipt, serial_nos in zip(receipts, asked or [None] * len(receipts), strict=True):
        line = lines[receipt.line_no]
        with of_line(line.line_no):
            if serial_nos and (strange := set(serial_nos) - set(line.serials)):
                lost = min(strange)
                raise InvalidState(f"serial {lost} is not on line {line.line_no}", status="unknown", serial_no=lost)
            item = items[line.variant_id]
            named = await p.serials.take(item, serial_nos, STATUSES["in_transit"], held_by=shipment.shipment_id)
            receive(p, holdings[line.variant_id], line, receipt, named)
