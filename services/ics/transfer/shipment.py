"""Shipments: a transfer's units on their way, held in the shipment's name at the destination until booked in. Pure.

A shipment has one line for each transfer line and lot. Units on the way have no place, so a line's `outstanding` is all
there is to know of what the shipment still holds of it.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from chassis.entity import Record, Value
from chassis.errors import InvalidState
from chassis.values import Date, Guid, Id, Lot, Name, Qty, Qty0, SerialNo, Text, Utc
from services.ics.ledger.balance import NO_LANDING, Landing, PositionKey
from services.ics.ledger.draw import Pin, draw
from services.ics.ledger.holder import Holding, Part, Parts
from services.ics.ledger.naming import Named
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Leg, Posting, insufficient
from services.ics.transfer.domain import TransferLine, TransferLineNo

SHIPMENT_LINES_MAX = 500
SERIALS_MAX = 500

ShipmentStatus = Literal["in_transit", "partially_received", "received"]
Outcome = Literal["accepted", "damaged", "missing"]
ShipmentLineNo = Annotated[int, Meta(ge=1, le=SHIPMENT_LINES_MAX)]


class ShipmentLine(Value):
    """Units of one transfer line and lot. quantity = accepted + damaged + missing + outstanding."""

    line_no: ShipmentLineNo
    transfer_line_no: TransferLineNo
    variant_id: Guid
    lot_code: Lot | None = None
    quantity: Qty
    accepted: Qty0 = 0
    damaged: Qty0 = 0
    missing: Qty0 = 0
    outstanding: Qty0
    serials: Annotated[list[SerialNo], Meta(max_length=SERIALS_MAX)]


class Shipment(Record):
    """Goods on their way from one facility to another."""

    shipment_id: Id
    transfer_id: Id
    from_logical_guid: Guid
    to_logical_guid: Guid
    status: ShipmentStatus = "in_transit"
    carrier: Name | None = None
    tracking_ref: Text | None = None
    expected_date: Date | None = None
    shipped_utc: Utc
    received_utc: Utc | None = None
    lines: Annotated[list[ShipmentLine], Meta(min_length=1, max_length=SHIPMENT_LINES_MAX)]

    def line(self, line_no: int) -> ShipmentLine | None:
        """The line of that number; None where there is none."""
        return self.lines[line_no - 1] if line_no <= len(self.lines) else None


def status_of(lines: Sequence[ShipmentLine]) -> ShipmentStatus:
    """Received once nothing is outstanding; partially once anything was booked."""
    if not any(line.outstanding for line in lines):
        return "received"
    return "partially_received" if any(line.outstanding < line.quantity for line in lines) else "in_transit"


class Load(Value):
    """Units of a transfer line to be taken along, and where they must come from."""

    line: TransferLine
    quantity: int
    pin: Pin


def check_loads(loads: Sequence[Load], status: str) -> None:
    """Refuse an empty shipment, and more units than were approved of a line and not shipped yet."""
    if not loads:
        raise InvalidState("every approved unit has shipped", status=status)
    wanted: dict[int, int] = {}
    for load in loads:
        number = load.line.line_no
        wanted[number] = wanted.get(number, 0) + load.quantity
        if wanted[number] > load.line.unshipped:
            raise InvalidState(f"line {number} has {load.line.unshipped} approved units left", status=status)


class Loading:
    """A shipment while its goods are taken from the shelves of the origin: the lines it has so far."""

    def __init__(self, posting: Posting, shipment_id: str) -> None:
        self.posting = posting
        self.shipment_id = shipment_id
        self.lines: list[ShipmentLine] = []
        self._numbers: dict[tuple[int, str | None], int] = {}

    def load(self, origin: OpenItem, target: OpenItem, load: Load, named: Named) -> None:
        """Take units along: sellable ones in draw order, others only of a lot that is named.

        Lot and serials stay; the units are on their way to the target, and in no place until they get there.
        """
        holding = self.posting.own(target, "shipment", self.shipment_id)
        today = None if load.pin.lot_code is not None else self.posting.today
        takes, lacking = draw(origin, "available", load.quantity, load.pin, today=today)
        if lacking:
            raise insufficient(origin, "available", load.quantity, load.quantity - lacking)
        for spot, units in takes:
            serials = named.hand(spot, units)
            number = self._add(load.line, spot.lot_code, units, serials)
            coming = Leg(target, "in_transit", PositionKey(lot_code=spot.lot_code), holding, line=number)
            source = Leg(origin, "available", spot)
            self.posting.move("transfer_ship", units, source, coming, serials=serials, line=number)

    def _add(self, line: TransferLine, lot_code: str | None, units: int, serials: list[str]) -> int:
        """The number of the line of this transfer line and lot, grown by these units."""
        number = self._numbers.setdefault((line.line_no, lot_code), len(self.lines) + 1)
        if number <= len(self.lines):
            known = self.lines[number - 1]
            grown = known.quantity + units
            self.lines[number - 1] = replace(
                known, quantity=grown, outstanding=grown, serials=_named(known.serials, serials)
            )
            return number
        if number > SHIPMENT_LINES_MAX:
            raise InvalidState(f"a shipment has {SHIPMENT_LINES_MAX} lines at most; ship fewer", status="scattered")
        self.lines.append(
            ShipmentLine(
                line_no=number,
                transfer_line_no=line.line_no,
                variant_id=line.variant_id,
                lot_code=lot_code,
                quantity=units,
                outstanding=units,
                serials=_named([], serials),
            )
        )
        return number


def _named(known: list[str], more: list[str]) -> list[str]:
    if len(known) + len(more) > SERIALS_MAX:
        raise InvalidState(f"a line names {SERIALS_MAX} serials at most; ship fewer", status="scattered")
    return [*known, *more]


class Receipt(Value):
    """What became of some units of a line, and where they are put."""

    line_no: int
    outcome: Outcome
    quantity: int
    place: Landing = NO_LANDING


def everything_accepted(shipment: Shipment) -> list[Receipt]:
    """Receipts that accept all that is outstanding, into no place."""
    return [
        Receipt(line_no=line.line_no, outcome="accepted", quantity=line.outstanding)
        for line in shipment.lines
        if line.outstanding
    ]


def check_outstanding(shipment: Shipment, receipts: Sequence[Receipt]) -> None:
    """Refuse receipts of what has been received, and of more than is outstanding on a line."""
    if shipment.status == "received":
        raise InvalidState("the shipment is received", status=shipment.status)
    for line in shipment.lines:
        booked = sum(receipt.quantity for receipt in receipts if receipt.line_no == line.line_no)
        if booked > line.outstanding:
            raise InvalidState(f"line {line.line_no} has {line.outstanding} units outstanding", status=shipment.status)


def receive(posting: Posting, holding: Holding, line: ShipmentLine, receipt: Receipt, named: Named) -> None:
    """Book units in at the destination, or out of the books where they never came."""
    page, coming = holding.page, PositionKey(lot_code=line.lot_code)
    source = Leg(page, "in_transit", coming, holding, line=line.line_no)
    serials = named.hand(coming, receipt.quantity)
    if receipt.outcome == "missing":
        posting.move("transfer_receive", receipt.quantity, source, "adjustment", serials=serials, line=line.line_no)
        return
    spot = posting.land(page, receipt.place, line.lot_code)
    target = Leg(page, "available" if receipt.outcome == "accepted" else "damaged", spot)
    posting.move("transfer_receive", receipt.quantity, source, target, serials=serials, line=line.line_no)


def received(shipment: Shipment, receipts: Sequence[Receipt], now: Utc) -> Shipment:
    """The shipment after receipts were booked."""
    lines = [
        replace(
            line,
            accepted=line.accepted + _sum(receipts, line.line_no, "accepted"),
            damaged=line.damaged + _sum(receipts, line.line_no, "damaged"),
            missing=line.missing + _sum(receipts, line.line_no, "missing"),
            outstanding=line.outstanding - _sum(receipts, line.line_no, None),
        )
        for line in shipment.lines
    ]
    return restated(replace(shipment, lines=lines), now)


def _sum(receipts: Sequence[Receipt], line_no: int, outcome: Outcome | None) -> int:
    return sum(each.quantity for each in receipts if each.line_no == line_no and outcome in {None, each.outcome})


def restated(shipment: Shipment, now: Utc) -> Shipment:
    """The shipment with the status that follows from its lines, and when it had arrived as a whole."""
    status = status_of(shipment.lines)
    return replace(shipment, status=status, received_utc=now if status == "received" else None)


def parts_of_shipment(shipment: Shipment, variant_id: str) -> Parts:
    """What a shipment holds of a variant."""
    return {
        Part(PositionKey(lot_code=line.lot_code), None, line.line_no): line.outstanding
        for line in shipment.lines
        if line.variant_id == variant_id and line.outstanding
    }


def lost_in_passing(shipment: Shipment, holding: Holding) -> Shipment:
    """The shipment after units of it were adjusted away: they are missing."""
    gone: dict[int | None, int] = {}
    for loss in holding.losses:
        gone[loss.part.line] = gone.get(loss.part.line, 0) + loss.quantity
    lines = [
        replace(line, missing=line.missing + units, outstanding=line.outstanding - units)
        for line in shipment.lines
        for units in [gone.get(line.line_no, 0)]
    ]
    return replace(shipment, lines=lines, status=status_of(lines))
