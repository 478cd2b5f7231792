"""The endpoints of shipments: recorded where goods leave, received where they arrive. See the contract's ics.yaml."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, TypeVar

from msgspec import UNSET, Meta, UnsetType

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Request, Revised
from chassis.entity import Entity
from chassis.errors import InvalidState, NotFound, invalid_field
from chassis.page import PageRequest
from chassis.unit import Change, View, between
from chassis.values import Count, Date, Guid, Id, Lot, Name, Qty, Text, Token
from services.ics.bin.domain import Place, admit
from services.ics.bin.store import places_of_lines
from services.ics.ledger.balance import NO_LANDING, OpenItem, item_id_of
from services.ics.ledger.draw import Pin
from services.ics.ledger.store import ITEMS
from services.ics.policy.domain import PolicyValues, scope_keys
from services.ics.policy.store import POLICIES, ruling_many
from services.ics.stock.fields import SerialList
from services.ics.stock.posting import LedgerPosting, posting
from services.ics.stock.serials import ON_SHELF, STATUSES, check_tracked, serial_problems_by_line
from services.ics.transfer.domain import (
    TRANSFER_LINES_MAX,
    Transfer,
    TransferLineNo,
    TransferRecord,
    arrived,
    check_shippable,
    left,
    to_answer,
)
from services.ics.transfer.shipment import (
    SHIPMENT_LINES_MAX,
    Load,
    Loading,
    Outcome,
    Receipt,
    Shipment,
    ShipmentLineNo,
    ShipmentStatus,
    check_loads,
    check_outstanding,
    everything_accepted,
    parts_of_shipment,
    receive,
    received,
)
from services.ics.transfer.store import SHIPMENTS, TRANSFERS, list_shipments
from services.ics.words import OPERATOR, READ

endpoints = Endpoints("ics", "/transfer")

R = TypeVar("R", TransferRecord, Shipment)
Side = Literal["from_logical_guid", "to_logical_guid"]


class TransferShipmentEnvelope(Answer):
    shipment: Shipment
    transfer: Transfer


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
    """Send units of an approved transfer on their way; asked in the facility they leave."""
    places = await places_of_lines(change, call.logical_guid, body.lines or ())
    kept = await _load_here(change, TRANSFERS, body.transfer_id, "from_logical_guid", body.expected_revision)
    loads = _loads(kept, body.lines, places)
    shipment_id = change.new_id()
    async with posting(change, "shipment", shipment_id) as p:
        pages, policies = await _open_both(change, p, kept, [load.line.variant_id for load in loads])
        asked = [line.serials for line in body.lines] if body.lines is not None else [None] * len(loads)
        for number, load in enumerate(loads):
            check_tracked(policies[load.line.variant_id], serials=asked[number], path=f"lines.{number}.")
        check_shippable(kept)
        check_loads(loads, kept.status)
        loading = Loading(p, shipment_id)
        for load, serial_nos in zip(loads, asked, strict=True):
            origin = pages[kept.from_logical_guid, load.line.variant_id]
            target = pages[kept.to_logical_guid, load.line.variant_id]
            loading.load(origin, target, load, await p.serials.take(origin, serial_nos, ON_SHELF))
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


async def _load_here(
    change: Change, entity: Entity[R], record_id: str, side: Side, expected_revision: int | UnsetType | None = UNSET
) -> R:
    """The record, if the call's facility is on that side of it: 404 elsewhere, before any word of revisions."""
    record = await change.load(entity, record_id)
    if getattr(record, side) != change.call.logical_guid:
        raise NotFound(f"there is no such {entity.name}")
    return await change.load(entity, record_id, expected_revision)


def _loads(transfer: TransferRecord, lines: Sequence[ShipmentLineInput] | None, places: Sequence[Place]) -> list[Load]:
    """What is to be taken along: the lines named, or everything approved and not shipped yet."""
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
    """The variants opened where they leave and where they go, and the policy of each where it leaves.

    Nothing becomes available in either, so nobody who waits for units need be looked for.
    """
    origin, target = transfer.from_logical_guid, transfer.to_logical_guid
    keys = [(facility, variant) for variant in variants for facility in (origin, target)]
    leaving = [(variant, facility) for facility, variant in keys if facility == origin]
    change.prefetch(POLICIES, dict.fromkeys(key for each in leaving for key in scope_keys(*each)), by="scope")
    pages = await p.open_unfilled(keys)
    ruling = await ruling_many(change, leaving)
    return pages, {variant: values for (variant, _), values in ruling.items()}


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
    """Book in what arrived, and out what never did; asked in the facility the goods go to."""
    places = await places_of_lines(change, call.logical_guid, body.lines or ())
    before = await _load_here(change, SHIPMENTS, body.shipment_id, "to_logical_guid", body.expected_revision)
    receipts = _receipts(before, body.lines, places)
    check_outstanding(before, receipts)
    items = {item_id_of(call.orgcode, call.logical_guid, line.variant_id) for line in before.lines}
    change.prefetch(ITEMS, sorted(items))
    for place in places:
        admit(place)
    kept = await change.load(TRANSFERS, before.transfer_id)
    async with posting(change, "shipment", before.shipment_id) as p:
        await _book(p, before, receipts, [line.serials for line in body.lines or ()])
        shipment = await change.update(SHIPMENTS, received(before, receipts, change.now), body.note)
        kept = arrived(kept, shipment.shipment_id, before.lines, shipment.lines, received_utc=shipment.received_utc)
        transfer = to_answer(await change.update(TRANSFERS, kept))
        change.emit("ics.shipment.received", shipment.shipment_id, shipment=shipment)
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
    """Move what arrived from the shipment to its place, and what is missing to the adjustment account.

    Where no serials are asked for, the line's go along, by number, as long as it has some.
    """
    lines = {line.line_no: line for line in shipment.lines}
    lots: dict[str, set[str]] = {}
    for line in shipment.lines:
        if line.lot_code is not None:
            lots.setdefault(line.variant_id, set()).add(line.lot_code)
    pages = await p.open_many([lines[receipt.line_no].variant_id for receipt in receipts], lots)
    holdings = {
        variant_id: p.own(page, "shipment", shipment.shipment_id, parts_of_shipment(shipment, variant_id))
        for variant_id, page in pages.items()
    }
    for receipt, serial_nos in zip(receipts, asked or [None] * len(receipts), strict=True):
        line = lines[receipt.line_no]
        if serial_nos and (strange := set(serial_nos) - set(line.serials)):
            raise InvalidState(f"serial {min(strange)} is not on line {line.line_no}", status="unknown")
        page = pages[line.variant_id]
        named = await p.serials.take_held(page, shipment.shipment_id, serial_nos, line.serials, STATUSES["in_transit"])
        receive(p, holdings[line.variant_id], line, receipt, named)
        p.serials.spent(page, p.entries)


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


class TransferShipmentListEnvelope(Answer):
    items: list[Shipment]
    count: Count
    next_token: Token | None


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
    return TransferShipmentListEnvelope(items=page.items, count=page.count, next_token=page.next_token)
