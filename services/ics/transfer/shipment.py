"""Shipments: units of a transfer in transit. The shipment holds them at the destination until they are received. Pure.

A shipment has one line for each transfer line and lot. Units in transit have no place, so a line's `outstanding` is
exactly the number of units that the shipment still holds of it.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from chassis.entity import Record, Value
from chassis.errors import InvalidState
from chassis.values import Date, Guid, Id, Lot, Name, Qty, Qty0, SerialNo, Text, Utc
from services.ics.ledger.balance import NO_LANDING, Landing, PositionKey
from services.ics.ledger.draw import Pin, draw
from services.ics.ledger.holder import Holding, Part, Parts
from services.ics.ledger.leg import Leg
from services.ics.ledger.naming import Named
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting, insufficient
from services.ics.remarks import Remarks
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
    """Goods sent from one facility to another."""

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
    closed_utc: Utc | None = None
    lines: Annotated[list[ShipmentLine], Meta(min_length=1, max_length=SHIPMENT_LINES_MAX)]
    remarks: Remarks = field(default_factory=list)

    def line(self, line_no: int) -> ShipmentLine | None:
        """The line with that number; None if there is none."""
        return self.lines[line_no - 1] if line_no <= len(self.lines) else None


def status_of(lines: Sequence[ShipmentLine]) -> ShipmentStatus:
    """`received` if nothing is outstanding, `partially_received` if some units are not, else `in_transit`."""
    if not any(line.outstanding for line in lines):
        return "received"
    return "partially_received" if any(line.outstanding < line.quantity for line in lines) else "in_transit"


class Load(Value):
    """Units of a transfer line to ship, and the place and lot they must come from."""

    line: TransferLine
    quantity: int
    pin: Pin


def check_loads(loads: Sequence[Load], status: str) -> None:
    """Raises `InvalidState` for an empty shipment, or more units of a line than are approved and not shipped yet."""
    if not loads:
        raise InvalidState("every approved unit has shipped", status=status)
    wanted: dict[int, int] = {}
    for load in loads:
        number = load.line.line_no
        wanted[number] = wanted.get(number, 0) + load.quantity
        if wanted[number] > load.line.unshipped:
            message = f"line {number} has {load.line.unshipped} approved units left"
            raise InvalidState(message, status=status, line_no=number)


class Loading:
    """A shipment that is being loaded at the origin, with its lines so far."""

    def __init__(self, posting: Posting, shipment_id: str) -> None:
        self.posting = posting
        self.shipment_id = shipment_id
        self.lines: list[ShipmentLine] = []
        self._numbers: dict[tuple[int, str | None], int] = {}

    def load(self, origin: OpenItem, target: OpenItem, load: Load, named: Named) -> None:
        """Move units from the origin into transit: sellable ones in draw order, unsellable ones only if the call names
        them or their lot.

        Their lot and serials stay. In transit they have no place. Raises `InsufficientStock` if there are too few
        units, and `InvalidState` if the shipment gets too many lines or a line too many serials.
        """
        holding = self.posting.own(target, "shipment", self.shipment_id)
        today = None if load.pin.lot_code is not None or named.explicit else self.posting.today
        takes, lacking = draw(origin, "available", load.quantity, load.pin, today=today, named=named)
        if lacking:
            raise insufficient(origin, "available", load.quantity, load.quantity - lacking)
        for key, units, serials in takes:
            number = self._number(load.line, key.lot_code)
            coming = Leg(target, "in_transit", PositionKey(lot_code=key.lot_code), holding, line=number)
            source = Leg(origin, "available", key)
            moved = self.posting.move("transfer_ship", units, source, coming, serials=serials, line=number)
            self._add(number, load.line, key.lot_code, units, moved)

    def _number(self, line: TransferLine, lot_code: str | None) -> int:
        """The number of the line of this transfer line and lot; the next free one if there is none."""
        return self._numbers.setdefault((line.line_no, lot_code), len(self.lines) + 1)

    def _add(self, number: int, line: TransferLine, lot_code: str | None, units: int, serials: list[str]) -> None:
        """Add units to the line with that number, creating it if needed."""
        if number <= len(self.lines):
            known = self.lines[number - 1]
            grown = known.quantity + units
            self.lines[number - 1] = replace(
                known, quantity=grown, outstanding=grown, serials=_named(known.serials, serials)
            )
            return
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


def _named(known: list[str], more: list[str]) -> list[str]:
    if len(known) + len(more) > SERIALS_MAX:
        raise InvalidState(f"a line names {SERIALS_MAX} serials at most; ship fewer", status="scattered")
    return [*known, *more]


class Receipt(Value):
    """The outcome for some units of a line, and the place where they are put."""

    line_no: int
    outcome: Outcome
    quantity: int
    place: Landing = NO_LANDING


def everything_accepted(shipment: Shipment) -> list[Receipt]:
    """Receipts that accept all outstanding units, without a place."""
    return [
        Receipt(line_no=line.line_no, outcome="accepted", quantity=line.outstanding)
        for line in shipment.lines
        if line.outstanding
    ]


def everything_missing(shipment: Shipment) -> list[Receipt]:
    """Receipts that write off all outstanding units. Raises `InvalidState` if the shipment is received."""
    receipts = [replace(receipt, outcome="missing") for receipt in everything_accepted(shipment)]
    check_outstanding(shipment, receipts)
    return receipts


def check_outstanding(shipment: Shipment, receipts: Sequence[Receipt]) -> None:
    """Raises `InvalidState` if the shipment is received, or a line has fewer outstanding units than the receipts."""
    if shipment.status == "received":
        raise InvalidState("the shipment is received", status=shipment.status)
    for line in shipment.lines:
        booked = sum(receipt.quantity for receipt in receipts if receipt.line_no == line.line_no)
        if booked > line.outstanding:
            message = f"line {line.line_no} has {line.outstanding} units outstanding"
            raise InvalidState(message, status=shipment.status, line_no=line.line_no)


def receive(posting: Posting, holding: Holding, line: ShipmentLine, receipt: Receipt, named: Named) -> None:
    """Receive units at the destination, or move missing ones to the adjustment account."""
    serials = named.numbers()
    item, coming = holding.item, PositionKey(lot_code=line.lot_code)
    source = Leg(item, "in_transit", coming, holding, line=line.line_no)
    if receipt.outcome == "missing":
        posting.move("transfer_receive", receipt.quantity, source, "adjustment", serials=serials, line=line.line_no)
        return
    key = posting.land(item, receipt.place, line.lot_code)
    target = Leg(item, "available" if receipt.outcome == "accepted" else "damaged", key)
    posting.move("transfer_receive", receipt.quantity, source, target, serials=serials, line=line.line_no)


def received(shipment: Shipment, receipts: Sequence[Receipt], now: Utc) -> Shipment:
    """The shipment after these receipts. `now` is the time of receipt (UTC)."""
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
    """The shipment with the status of its lines; `received_utc` is `now` if all is received, else None."""
    status = status_of(shipment.lines)
    return replace(shipment, status=status, received_utc=now if status == "received" else None)


def parts_of_shipment(shipment: Shipment, variant_id: str) -> Parts:
    """The units of a variant that a shipment holds, by part."""
    return {
        Part(PositionKey(lot_code=line.lot_code), None, line.line_no): line.outstanding
        for line in shipment.lines
        if line.variant_id == variant_id and line.outstanding
    }


def lost_in_passing(shipment: Shipment, holding: Holding) -> Shipment:
    """The shipment after an adjustment removed some of its units; these count as missing."""
    gone: dict[int | None, int] = {}
    for loss in holding.losses:
        gone[loss.part.line] = gone.get(loss.part.line, 0) + loss.quantity
    lines = [
        replace(line, missing=line.missing + units, outstanding=line.outstanding - units)
        for line in shipment.lines
        for units in [gone.get(line.line_no, 0)]
    ]
    return replace(shipment, lines=lines, status=status_of(lines))
