"""Transfers: goods that one facility sends to another, from the draft to the last receipt. Pure.

A transfer itself moves and holds no units; its shipments do (`shipment.py`). Its lines add up the units of its
shipments. The stored record also has the times when each shipment left and arrived, so that a report reads only
transfers; `to_answer` leaves these out.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Protocol

from msgspec import Meta, field
from msgspec.structs import replace

from chassis.entity import Record, Value
from chassis.errors import InvalidState, invalid_field
from chassis.values import Code, Date, Guid, Id, Qty, Qty0, Text, Utc
from services.ics.remarks import Remarks

TRANSFER_LINES_MAX = 200
SHIPMENTS_MAX = 200
"""Maximum number of shipments of one transfer."""

TransferStatus = Literal["draft", "submitted", "approved", "rejected", "in_progress", "completed", "cancelled"]
TransferLineNo = Annotated[int, Meta(ge=1, le=TRANSFER_LINES_MAX)]


class TransferLine(Value):
    """One variant of a transfer. shipped = in_transit + received + damaged + missing."""

    line_no: TransferLineNo
    variant_id: Guid
    quantity: Qty
    approved: Qty0 = 0
    shipped: Qty0 = 0
    in_transit: Qty0 = 0
    received: Qty0 = 0
    damaged: Qty0 = 0
    missing: Qty0 = 0

    @property
    def unshipped(self) -> int:
        """Approved units that are not shipped yet."""
        return self.approved - self.shipped


Lines = Annotated[list[TransferLine], Meta(min_length=1, max_length=TRANSFER_LINES_MAX)]


class Trip(Value):
    """A shipment as stored in its transfer: its lines, when it left, and when all of it was received (UTC)."""

    shipment_id: str
    line_nos: list[int]
    shipped_utc: Utc
    received_utc: Utc | None = None


class TransferFacts(Record):
    """The fields of a transfer that are both stored and shown."""

    transfer_id: Id
    code: Code | None = None
    from_logical_guid: Guid
    to_logical_guid: Guid
    status: TransferStatus = "draft"
    needed_by: Date | None = None
    note: Text | None = None
    decision_note: Text | None = None
    submitted_utc: Utc | None = None
    submitted_by: Guid | None = None
    decided_utc: Utc | None = None
    decided_by: Guid | None = None
    final: bool = False
    cancelled_utc: Utc | None = None
    cancelled_by: Guid | None = None
    remarks: Remarks = field(default_factory=list)
    lines: Lines


class Transfer(TransferFacts):
    """A transfer as answers and events show it."""

    shipment_ids: Annotated[list[Id], Meta(max_length=SHIPMENTS_MAX)]


class TransferRecord(TransferFacts):
    """A transfer as it is stored."""

    trips: list[Trip] = field(default_factory=list)

    def line(self, line_no: int) -> TransferLine | None:
        """The line with that number; None if there is none."""
        return self.lines[line_no - 1] if line_no <= len(self.lines) else None


def to_answer(kept: TransferRecord) -> Transfer:
    """The transfer as answers and events show it."""
    facts = {name: getattr(kept, name) for name in TransferFacts.__struct_fields__}
    return Transfer(shipment_ids=[trip.shipment_id for trip in kept.trips], **facts)


def submit(transfer: TransferRecord, *, actor: str, now: Utc) -> TransferRecord:
    """The draft, submitted. Raises `InvalidState` if it is not a draft."""
    if transfer.status != "draft":
        raise InvalidState(f"the transfer is {transfer.status}", status=transfer.status)
    return replace(transfer, status="submitted", submitted_utc=now, submitted_by=actor)


def check_submitted(transfer: TransferRecord) -> None:
    """Raises `InvalidState` if the transfer is not submitted."""
    if transfer.status != "submitted":
        raise InvalidState(f"the transfer is {transfer.status}", status=transfer.status)


def approve(
    transfer: TransferRecord, cuts: Mapping[int, int], *, actor: str, now: Utc, note: str | None
) -> TransferRecord:
    """The transfer, approved: each line in full, or with the units in `cuts` (line number -> units).

    Raises `Invalid` for an unknown line, more units than requested, or no units at all; `InvalidState` if the transfer
    is not submitted.
    """
    for number, (line_no, units) in enumerate(cuts.items()):
        line = transfer.line(line_no)
        if line is None:
            raise invalid_field(f"lines.{number}.line_no", "the transfer has no such line")
        if units > line.quantity:
            raise invalid_field(f"lines.{number}.approved", f"is more than the {line.quantity} units asked for")
    lines = [replace(line, approved=cuts.get(line.line_no, line.quantity)) for line in transfer.lines]
    if not any(line.approved for line in lines):
        raise invalid_field("lines", "not all lines may be cut down to 0; reject the transfer instead")
    check_submitted(transfer)
    decided = replace(transfer, status="approved", lines=lines)
    return _decided(decided, actor=actor, now=now, note=note)


def reject(transfer: TransferRecord, *, actor: str, now: Utc, note: str | None) -> TransferRecord:
    """The transfer, rejected; this is final. Raises `InvalidState` if it is not submitted."""
    check_submitted(transfer)
    return _decided(replace(transfer, status="rejected"), actor=actor, now=now, note=note)


def _decided(transfer: TransferRecord, *, actor: str, now: Utc, note: str | None) -> TransferRecord:
    return replace(transfer, decided_utc=now, decided_by=actor, decision_note=note)


def cancel(transfer: TransferRecord, *, actor: str, now: Utc) -> TransferRecord:
    """The transfer, of which nothing more will be shipped.

    Before its first shipment it is cancelled. In progress its shipments go on: the transfer becomes final, and is
    completed if no units are in transit. Raises `InvalidState` if it is rejected, completed, cancelled or final.
    """
    if transfer.status in {"rejected", "completed", "cancelled"}:
        raise InvalidState(f"the transfer is {transfer.status}", status=transfer.status)
    if transfer.final:
        raise InvalidState("the last shipment was final", status=transfer.status)
    stopped = replace(transfer, cancelled_utc=now, cancelled_by=actor)
    if transfer.status != "in_progress":
        return replace(stopped, status="cancelled")
    stopped = replace(stopped, final=True)
    return replace(stopped, status="completed") if _is_over(stopped) else stopped


def check_shippable(transfer: TransferRecord) -> None:
    """Raises `InvalidState` if no further shipment is possible.

    That is so if the transfer is not approved or is completed, its last shipment was final, or it has the maximum
    number of shipments.
    """
    if transfer.status not in {"approved", "in_progress"}:
        raise InvalidState(f"the transfer is {transfer.status}", status=transfer.status)
    if transfer.final:
        raise InvalidState("the last shipment was final", status=transfer.status)
    if len(transfer.trips) >= SHIPMENTS_MAX:
        raise InvalidState(f"a transfer has {SHIPMENTS_MAX} shipments at most", status=transfer.status)


class Carried(Protocol):
    """The fields of a shipment line that a transfer reads. Quantities are in units."""

    @property
    def transfer_line_no(self) -> int: ...
    @property
    def quantity(self) -> int: ...
    @property
    def accepted(self) -> int: ...
    @property
    def damaged(self) -> int: ...
    @property
    def missing(self) -> int: ...
    @property
    def outstanding(self) -> int: ...


def left(
    transfer: TransferRecord, shipment_id: str, carried: Sequence[Carried], *, now: Utc, final: bool
) -> TransferRecord:
    """The transfer after a shipment left; `final` says that no further shipment follows."""
    units: dict[int, int] = {}
    for each in carried:
        units[each.transfer_line_no] = units.get(each.transfer_line_no, 0) + each.quantity
    lines = [
        replace(line, shipped=line.shipped + taken, in_transit=line.in_transit + taken)
        for line in transfer.lines
        for taken in [units.get(line.line_no, 0)]
    ]
    trip = Trip(shipment_id=shipment_id, line_nos=sorted(units), shipped_utc=now)
    return replace(transfer, status="in_progress", final=final, lines=lines, trips=[*transfer.trips, trip])


def arrived(
    transfer: TransferRecord,
    shipment_id: str,
    before: Sequence[Carried],
    after: Sequence[Carried],
    *,
    received_utc: Utc | None,
) -> TransferRecord:
    """The transfer after units of a shipment were received or written off.

    `before` and `after` are the shipment's lines; the transfer's lines change by the difference. The transfer is
    completed when no units are in transit and none are still to be shipped.
    """
    lines = {line.line_no: line for line in transfer.lines}
    for was, now in zip(before, after, strict=True):
        line = lines[was.transfer_line_no]
        lines[line.line_no] = replace(
            line,
            in_transit=line.in_transit + now.outstanding - was.outstanding,
            received=line.received + now.accepted - was.accepted,
            damaged=line.damaged + now.damaged - was.damaged,
            missing=line.missing + now.missing - was.missing,
        )
    trips = [
        replace(trip, received_utc=received_utc) if trip.shipment_id == shipment_id else trip for trip in transfer.trips
    ]
    changed = replace(transfer, lines=list(lines.values()), trips=trips)
    return replace(changed, status="completed") if _is_over(changed) else changed


def _is_over(transfer: TransferRecord) -> bool:
    on_the_way = any(line.in_transit for line in transfer.lines)
    to_follow = not transfer.final and any(line.unshipped for line in transfer.lines)
    return not on_the_way and not to_follow
