"""Receipts: received units, held by the receipt until they are inspected. Pure.

A stored line also has the positions of its units under inspection, because putaway may move them. Answers do not have
them; `to_answer` leaves them out.
"""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from chassis.entity import Record, Value
from chassis.errors import InvalidState
from chassis.values import Code, Date, Guid, Id, Lot, Qty, Qty0, SerialNo, Text
from services.ics.ledger.balance import Landing
from services.ics.ledger.draw import draw_held
from services.ics.ledger.holder import HeldPosition, Holding, Part, Parts
from services.ics.ledger.leg import Leg
from services.ics.ledger.naming import Named
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting
from services.ics.remarks import Remarks
from services.ics.words import Bucket

RECEIVE_LINES_MAX = 200
RESULTS_MAX = 500

Source = Literal["supplier", "customer"]
Status = Literal["received", "inspecting", "completed"]
Outcome = Literal["accepted", "rejected", "damaged"]
LineNo = Annotated[int, Meta(ge=1, le=RECEIVE_LINES_MAX)]


class ReceiveLine(Value):
    """One line of a receipt. quantity = pending + accepted + rejected + damaged + lost."""

    line_no: LineNo
    variant_id: Guid
    quantity: Qty
    expected_quantity: Qty0 | None
    pending: Qty0
    accepted: Qty0
    rejected: Qty0
    damaged: Qty0
    lost: Qty0
    zone_id: Id | None
    bin_id: Id | None
    lot_code: Lot | None
    expiry_date: Date | None
    serials: list[SerialNo]


class ReceiptLine(ReceiveLine):
    """A stored line: with the positions of its pending units, and the serials assigned to them after the receipt."""

    positions: list[HeldPosition] = field(default_factory=list)
    assigned: list[SerialNo] = field(default_factory=list)


class Receive(Record):
    """A receipt in answers and events."""

    receive_id: Id
    logical_guid: Guid
    code: Code | None
    source: Source
    source_ref: Text | None
    status: Status
    lines: list[ReceiveLine]
    note: Text | None
    operation_id: Id
    remarks: Remarks = field(default_factory=list)


class ReceiveRecord(Record):
    """A stored receipt."""

    receive_id: Id
    logical_guid: Guid
    code: Code | None
    source: Source
    source_ref: Text | None
    status: Status
    lines: list[ReceiptLine]
    note: Text | None
    operation_id: Id
    remarks: Remarks = field(default_factory=list)


def to_answer(receipt: ReceiveRecord) -> Receive:
    """The receipt for answers and events."""
    fields = {name: getattr(receipt, name) for name in Receive.__struct_fields__ if name != "lines"}
    return Receive(lines=[_shown_line(line) for line in receipt.lines], **fields)


def _shown_line(line: ReceiptLine) -> ReceiveLine:
    return ReceiveLine(**{name: getattr(line, name) for name in ReceiveLine.__struct_fields__})


def status_of(lines: Sequence[ReceiptLine], inspected: bool) -> Status:
    """The status: completed if nothing is pending, inspecting if a result was recorded, otherwise received."""
    if not any(line.pending for line in lines):
        return "completed"
    return "inspecting" if inspected else "received"


def bring_in(
    posting: Posting, item: OpenItem, line: ReceiptLine, *, holder: str, source: Source, place: Landing, named: Named
) -> ReceiptLine:
    """Post the units of a line: held by the receipt if pending, otherwise available. Returns the line to store."""
    key = posting.land(item, place, line.lot_code)
    if not line.pending:
        target = Leg(item, "available", key)
        posting.move("receive", line.quantity, source, target, serials=named.numbers(), line=line.line_no)
        return line
    holding = posting.own(item, "receive", holder)
    target = Leg(item, "quarantine", key, holding, line=line.line_no)
    posting.move("receive", line.quantity, source, target, serials=named.numbers(), line=line.line_no)
    return replace(line, positions=holding.positions(line.line_no))


class QcFinding(Value):
    """The inspection result of some units of a line, and the place they are put (None: they stay)."""

    line_no: int
    outcome: Outcome
    quantity: int
    place: Landing | None
    note: str | None = None


TARGETS: dict[Outcome, Bucket] = {"accepted": "available", "damaged": "damaged", "rejected": "quarantine"}


def check_pending(receipt: ReceiveRecord, findings: Sequence[QcFinding]) -> None:
    """Raises `InvalidState` if the receipt is completed, or a line has fewer units pending than the results."""
    if receipt.status == "completed":
        raise InvalidState("the receipt is completed", status=receipt.status)
    for line in receipt.lines:
        found = sum(finding.quantity for finding in findings if finding.line_no == line.line_no)
        if found > line.pending:
            message = f"line {line.line_no} has {line.pending} units pending"
            raise InvalidState(message, status=receipt.status, line_no=line.line_no)


def inspect(posting: Posting, item: OpenItem, holding: Holding, finding: QcFinding, named: Named) -> None:
    """Move inspected units from the receipt to the bucket of their outcome."""
    takes, lacking = draw_held(item, holding, finding.quantity, line=finding.line_no, named=named)
    assert lacking == 0, (holding.id, finding)
    bucket = TARGETS[finding.outcome]
    for part, units, serials in takes:
        key = part.key if finding.place is None else posting.land(item, finding.place, part.key.lot_code)
        source = Leg(item, "quarantine", part.key, holding, line=part.line)
        target = Leg(item, bucket, key)
        posting.move("qc", units, source, target, serials=serials, line=finding.line_no, reason=finding.note)


def inspected(receipt: ReceiveRecord, findings: Sequence[QcFinding], holdings: Sequence[Holding]) -> ReceiveRecord:
    """The receipt after results were recorded."""
    lines = []
    for line in receipt.lines:
        found = {outcome: _sum(findings, line.line_no, outcome) for outcome in TARGETS}
        counted = replace(
            line,
            accepted=line.accepted + found["accepted"],
            damaged=line.damaged + found["damaged"],
            rejected=line.rejected + found["rejected"],
        )
        lines.append(_held(counted, holdings))
    return replace(receipt, lines=lines, status=status_of(lines, inspected=True))


def _sum(findings: Sequence[QcFinding], line_no: int, outcome: Outcome) -> int:
    return sum(each.quantity for each in findings if each.line_no == line_no and each.outcome == outcome)


def _held(line: ReceiptLine, holdings: Sequence[Holding]) -> ReceiptLine:
    """The line with its pending units and their positions, from the holding of its variant."""
    for holding in holdings:
        if holding.item.variant_id == line.variant_id:
            return replace(line, pending=holding.total(line=line.line_no), positions=holding.positions(line.line_no))
    return line


def everything_accepted(receipt: ReceiveRecord) -> list[QcFinding]:
    """Results that accept all pending units at their positions."""
    return [
        QcFinding(line_no=line.line_no, outcome="accepted", quantity=line.pending, place=None)
        for line in receipt.lines
        if line.pending
    ]


def parts_of_receipt(receipt: ReceiveRecord, variant_id: str) -> Parts:
    """The units of a variant that a receipt holds."""
    return {
        Part(held.key, None, line.line_no): held.quantity
        for line in receipt.lines
        if line.variant_id == variant_id
        for held in line.positions
    }


def serials_of_lines(receipt: ReceiveRecord, variant_id: str) -> dict[int, frozenset[str]]:
    """The serials of each line of a variant, wherever they are now."""
    return {
        line.line_no: frozenset([*line.serials, *line.assigned])
        for line in receipt.lines
        if line.variant_id == variant_id
    }


def changed_in_passing(receipt: ReceiveRecord, holding: Holding) -> ReceiveRecord:
    """The receipt, updated after another operation moved or removed some of its pending units."""
    lost = {line.line_no: 0 for line in receipt.lines}
    for loss in holding.losses:
        lost[loss.part.line or 0] += loss.quantity
    named = holding.named
    lines = [
        _held(
            replace(
                line,
                lost=line.lost + lost[line.line_no],
                assigned=[*line.assigned, *named.get(line.line_no, ())],
            ),
            [holding],
        )
        for line in receipt.lines
    ]
    return replace(receipt, lines=lines, status=status_of(lines, inspected=receipt.status != "received"))
