"""The endpoints that record, show and list shipments, specified in the contract's ics.yaml."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from msgspec import Meta

from chassis.caller import Call
from chassis.endpoint import Endpoints, Listed, Request, Revised
from chassis.errors import invalid_field
from chassis.page import PageRequest
from chassis.unit import Change, View, between
from chassis.values import Date, Guid, Id, Lot, Name, Qty, Text
from services.ics.bin.domain import Place
from services.ics.bin.store import places_of_lines
from services.ics.ledger.draw import Pin
from services.ics.ledger.open_item import OpenItem
from services.ics.policy.domain import PolicyValues, scope_keys
from services.ics.policy.store import POLICIES, ruling_many
from services.ics.stock.fields import SerialList
from services.ics.stock.posting import LedgerPosting, posting
from services.ics.stock.serial_rules import ON_SHELF, check_tracked, serial_problems_by_line
from services.ics.transfer.domain import (
    TRANSFER_LINES_MAX,
    TransferLineNo,
    TransferRecord,
    check_shippable,
    left,
    to_answer,
)
from services.ics.transfer.shared import TransferShipmentEnvelope, load_on_side
from services.ics.transfer.shipment import (
    Load,
    Loading,
    Shipment,
    ShipmentStatus,
    check_loads,
)
from services.ics.transfer.store import SHIPMENTS, TRANSFERS, list_shipments
from services.ics.words import OPERATOR, READ, of_line

endpoints = Endpoints("ics", "/transfer")


class ShipmentLineInput(Request):
    transfer_line_no: TransferLineNo
    quantity: Qty
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    serials: SerialList | None = None


class TransferShipmentRecordRequest(Revised):
    transfer_id: Id
    lines: Annotated[list[ShipmentLineInput], Meta(min_length=1, max_length=TRANSFER_LINES_MAX)] | None = None
    final: bool = False
    carrier: Name | None = None
    tracking_ref: Text | None = None
    expected_date: Date | None = None

    def problems(self) -> list[tuple[str, str]]:
        return serial_problems_by_line(
            (line.transfer_line_no, line.serials, line.quantity) for line in self.lines or ()
        )


@endpoints.post(
    "/shipment/record",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.shipment.recorded", "ics.stock.changed"],
    refusals={
        "conflict_state": "not approved or in progress, or final, or more than is approved; "
        "a serial is not in stock there",
        "insufficient_stock": "fewer available units at the origin",
        "not_found": "the facility in context is not the origin",
    },
)
async def ics_transfer_shipment_record(
    call: Call, change: Change, body: TransferShipmentRecordRequest
) -> TransferShipmentEnvelope:
    """Ship units of an approved transfer from its origin."""
    places = await places_of_lines(change, call.logical_guid, body.lines or ())
    kept = await load_on_side(change, TRANSFERS, body.transfer_id, "from_logical_guid", body.expected_revision)
    loads = _loads(kept, body.lines, places)
    shipment_id = change.new_id()
    async with posting(change, "shipment", shipment_id) as p:
        asked = [line.serials for line in body.lines] if body.lines is not None else [None] * len(loads)
        p.serials.prefetch((load.line.variant_id, each) for load, each in zip(loads, asked, strict=True))
        items, policies = await _open_both(change, p, kept, [load.line.variant_id for load in loads])
        for number, load in enumerate(loads):
            check_tracked(policies[load.line.variant_id], serials=asked[number], path=f"lines.{number}.")
        check_shippable(kept)
        check_loads(loads, kept.status)
        loading = Loading(p, shipment_id)
        for load, serial_nos in zip(loads, asked, strict=True):
            origin = items[kept.from_logical_guid, load.line.variant_id]
            target = items[kept.to_logical_guid, load.line.variant_id]
            with of_line(load.line.line_no):
                loading.load(origin, target, load, await p.serials.take(origin, serial_nos, ON_SHELF, pin=load.pin))
        shipment = Shipment(
            shipment_id=shipment_id,
            transfer_id=kept.transfer_id,
            from_logical_guid=kept.from_logical_guid,
            to_logical_guid=kept.to_logical_guid,
            carrier=body.carrier,
            tracking_ref=body.tracking_ref,
            expected_date=body.expected_date,
            shipped_utc=change.now,
            lines=loading.lines,
        )
        shipment = await change.insert(SHIPMENTS, shipment)
        kept = left(kept, shipment_id, shipment.lines, now=change.now, final=body.final)
        transfer = to_answer(await change.update(TRANSFERS, kept))
        change.emit("ics.shipment.recorded", shipment_id, shipment=shipment)
        return TransferShipmentEnvelope(shipment=shipment, transfer=transfer)


def _loads(transfer: TransferRecord, lines: Sequence[ShipmentLineInput] | None, places: Sequence[Place]) -> list[Load]:
    """The units to ship: those of the given lines, or all approved units that are not shipped yet."""
    if lines is None:
        return [Load(line=line, quantity=line.unshipped, pin=Pin()) for line in transfer.lines if line.unshipped > 0]
    found = []
    for number, (asked, place) in enumerate(zip(lines, places, strict=True)):
        line = transfer.line(asked.transfer_line_no)
        if line is None:
            raise invalid_field(f"lines.{number}.transfer_line_no", "the transfer has no such line")
        found.append(Load(line=line, quantity=asked.quantity, pin=Pin(place.zone_id, place.bin_id, asked.lot_code)))
    return found


async def _open_both(
    change: Change, p: LedgerPosting, transfer: TransferRecord, variants: Iterable[str]
) -> tuple[dict[tuple[str, str], OpenItem], dict[str, PolicyValues]]:
    """Open the items of the variants at the origin and the destination, with their policies at the origin."""
    # No units become available in either facility, so promises that wait for units need not be read.
    origin, target = transfer.from_logical_guid, transfer.to_logical_guid
    keys = [(facility, variant) for variant in variants for facility in (origin, target)]
    leaving = [(variant, facility) for facility, variant in keys if facility == origin]
    change.prefetch(POLICIES, dict.fromkeys(key for each in leaving for key in scope_keys(*each)), by="scope")
    items = await p.open_unfilled(keys)
    ruling = await ruling_many(change, leaving)
    return items, {variant: values for (variant, _), values in ruling.items()}


class TransferShipmentGetRequest(Request):
    shipment_id: Id


@endpoints.post("/shipment/get", roles=READ, snapshot=True)
async def ics_transfer_shipment_get(view: View, body: TransferShipmentGetRequest) -> TransferShipmentEnvelope:
    """Show a shipment and its transfer."""
    shipment = await view.load(SHIPMENTS, body.shipment_id)
    kept = await view.load(TRANSFERS, shipment.transfer_id)
    return TransferShipmentEnvelope(shipment=shipment, transfer=to_answer(kept))


class TransferShipmentListRequest(Request, PageRequest):
    transfer_id: Id | None = None
    from_logical_guid: Guid | None = None
    to_logical_guid: Guid | None = None
    status: ShipmentStatus | None = None
    expected_by: Date | None = None


class TransferShipmentListEnvelope(Listed[Shipment]):
    """One page of them."""


@endpoints.post("/shipment/list", roles=READ)
async def ics_transfer_shipment_list(view: View, body: TransferShipmentListRequest) -> TransferShipmentListEnvelope:
    """List shipments, newest first."""
    wanted = {
        "transfer_id": body.transfer_id,
        "from_logical_guid": body.from_logical_guid,
        "to_logical_guid": body.to_logical_guid,
        "status": body.status,
        "expected_date": between(at_most=body.expected_by) if body.expected_by is not None else None,
    }
    page = await list_shipments(view, wanted, body)
    return TransferShipmentListEnvelope.of(page)
