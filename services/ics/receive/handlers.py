"""The endpoints of receipts and their inspection. The contract's ics.yaml specifies them."""

from collections.abc import Mapping, Sequence
from typing import Annotated

from msgspec import Meta

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Listed, Request, Revised
from chassis.errors import Conflict, InvalidState, invalid_field
from chassis.page import PageRequest
from chassis.unit import Change, View, between
from chassis.values import Code, Guid, Id, Text, Utc
from services.ics.bin.domain import Place, admit
from services.ics.bin.store import places_of_lines
from services.ics.ledger.balance import item_id_of
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.store import ITEMS
from services.ics.policy.domain import PolicyValues
from services.ics.policy.store import ruling_many
from services.ics.receive.domain import (
    RECEIVE_LINES_MAX,
    RESULTS_MAX,
    QcFinding,
    ReceiptLine,
    Receive,
    ReceiveRecord,
    Source,
    Status,
    bring_in,
    check_pending,
    everything_accepted,
    inspect,
    inspected,
    parts_of_receipt,
    serials_of_lines,
    status_of,
    to_answer,
)
from services.ics.receive.fields import QcResultInput, ReceiveLineInput
from services.ics.receive.store import RECEIPTS, list_receipts
from services.ics.remarks import remarked
from services.ics.serial.domain import Dates
from services.ics.stock.arrivals import Arrivals
from services.ics.stock.posting import posting
from services.ics.stock.serial_rules import STATUSES, check_tracked, date_problems, serial_problems_by_line
from services.ics.words import OPERATOR, READ, load_here, of_line

endpoints = Endpoints("ics")


class ReceiveEnvelope(Answer):
    receive: Receive


class ReceiveRecordRequest(Request):
    source: Source = "supplier"
    source_ref: Text | None = None
    code: Code | None = None
    note: Text | None = None
    lines: Annotated[list[ReceiveLineInput], Meta(min_length=1, max_length=RECEIVE_LINES_MAX)]

    def problems(self) -> list[tuple[str, str]]:
        found = serial_problems_by_line((line.variant_id, line.serials, line.quantity) for line in self.lines)
        for number, line in enumerate(self.lines):
            path = f"lines.{number}."
            found += date_problems(line.lot_code, line.serials, line.expiry_date, line.manufacture_date, path)
        return found


@endpoints.post(
    "/receive/record",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.receive.recorded", "ics.serial.registered", "ics.serial.updated", "ics.stock.changed"],
    refusals={
        "conflict": "the code is taken in this facility",
        "conflict_state": "a serial is already in stock; a place is inactive or full",
    },
)
async def ics_receive_record(call: Call, change: Change, body: ReceiveRecordRequest) -> ReceiveEnvelope:
    """Take goods in: held by the receipt until inspected, or available at once where the policy skips inspection."""
    places = await places_of_lines(change, call.logical_guid, body.lines)
    policies = await _policies(change, body.lines)
    receive_id = change.new_id()
    async with posting(change, "receive", receive_id) as p:
        p.serials.prefetch((line.variant_id, line.serials) for line in body.lines)
        opened = await p.open_many([line.variant_id for line in body.lines], _lots(body.lines))
        items = [opened[line.variant_id] for line in body.lines]
        lots = await _checked_lots(p.arrivals, body.lines, items, policies)
        if body.code is not None and await change.lookup(RECEIPTS, "code", call.logical_guid, body.code):
            raise Conflict("the code is taken in this facility")
        lines = []
        for number, (line, item, lot_code) in enumerate(zip(body.lines, items, lots, strict=True)):
            with of_line(number + 1):
                place = admit(places[number])
                named = await p.arrivals.bring(item, lot_code, line.serials, _dates(line))
            kept = _line(number + 1, line, lot_code, place, policies[line.variant_id])
            lines.append(
                bring_in(p, item, kept, holder=receive_id, source=body.source, place=place.landing(), named=named)
            )
        receipt = ReceiveRecord(
            receive_id=receive_id,
            logical_guid=call.logical_guid,
            code=body.code,
            source=body.source,
            source_ref=body.source_ref,
            status=status_of(lines, inspected=False),
            lines=lines,
            note=body.note,
            operation_id=p.operation.operation_id,
        )
        receive = to_answer(await change.insert(RECEIPTS, receipt))
        change.emit("ics.receive.recorded", receive_id, receive=receive)
        return ReceiveEnvelope(receive=receive)


async def _checked_lots(
    arrivals: Arrivals,
    lines: Sequence[ReceiveLineInput],
    items: Sequence[OpenItem],
    policies: Mapping[str, PolicyValues],
) -> list[str | None]:
    """The lot of each line. Raises `Invalid` if a line lacks what its variant's policy tracks, or contradicts what is
    known of its lot or serials."""
    lots = []
    for number, (line, item) in enumerate(zip(lines, items, strict=True)):
        path = f"lines.{number}."
        lot_code = await arrivals.check(item, line.lot_code, line.serials, _dates(line), path)
        policy = policies[line.variant_id]
        check_tracked(policy, serials=line.serials, lot_code=lot_code, comes_in=True, path=path)
        lots.append(lot_code)
    return lots


def _dates(line: ReceiveLineInput) -> Dates:
    return Dates(line.expiry_date, line.manufacture_date)


async def _policies(change: Change, lines: list[ReceiveLineInput]) -> dict[str, PolicyValues]:
    """The effective policies by variant; prefetches the items in the same round trip."""
    facility = change.call.logical_guid
    variants = list(dict.fromkeys(line.variant_id for line in lines))
    change.prefetch(ITEMS, [item_id_of(change.call.orgcode, facility, variant) for variant in variants])
    ruling = await ruling_many(change, [(variant, facility) for variant in variants])
    return {variant: ruling[variant, facility] for variant in variants}


def _lots(lines: list[ReceiveLineInput]) -> dict[str, list[str]]:
    """The lots of the lines, by variant."""
    lots: dict[str, list[str]] = {}
    for line in lines:
        if line.lot_code is not None:
            lots.setdefault(line.variant_id, []).append(line.lot_code)
    return lots


def _line(
    line_no: int, line: ReceiveLineInput, lot_code: str | None, place: Place, policy: PolicyValues
) -> ReceiptLine:
    """The line to store, before its units are posted."""
    pending = line.quantity if policy.qc == "required" else 0
    return ReceiptLine(
        line_no=line_no,
        variant_id=line.variant_id,
        quantity=line.quantity,
        expected_quantity=line.expected_quantity,
        pending=pending,
        accepted=line.quantity - pending,
        rejected=0,
        damaged=0,
        lost=0,
        zone_id=place.zone_id,
        bin_id=place.bin_id,
        lot_code=lot_code,
        expiry_date=line.expiry_date,
        serials=line.serials or [],
    )


class QcCompleteRequest(Revised):
    receive_id: Id
    results: Annotated[list[QcResultInput], Meta(min_length=1, max_length=RESULTS_MAX)] | None = None

    def problems(self) -> list[tuple[str, str]]:
        # The variant of a result is known only from the receipt.
        return serial_problems_by_line(((None, each.serials, each.quantity) for each in self.results or ()), "result")


@endpoints.post(
    "/qc/complete",
    roles=OPERATOR,
    needs=["logical_guid"],
    emits=["ics.receive.inspected", "ics.stock.changed"],
    refusals={"conflict_state": "completed, or more than is pending on a line; a place is inactive or full"},
)
async def ics_qc_complete(call: Call, change: Change, body: QcCompleteRequest) -> ReceiveEnvelope:
    """Record what inspection found; left out, everything pending is accepted where it is."""
    places = await places_of_lines(change, call.logical_guid, body.results or (), "results")
    receipt = await load_here(change, RECEIPTS, body.receive_id, body.expected_revision)
    findings = _findings(receipt, body.results, places)
    check_pending(receipt, findings)
    lines = {line.line_no: line for line in receipt.lines}
    async with posting(change, "receive", receipt.receive_id) as p:
        p.serials.prefetch(
            (lines[finding.line_no].variant_id, result.serials)
            for finding, result in zip(findings, body.results or (), strict=False)
        )
        items = await p.open_many(lines[finding.line_no].variant_id for finding in findings)
        holdings = {
            variant_id: p.own(item, "receive", receipt.receive_id, parts_of_receipt(receipt, variant_id))
            for variant_id, item in items.items()
        }
        for variant_id, holding in holdings.items():
            holding.serials = serials_of_lines(receipt, variant_id)
        for place, finding in zip(places, findings, strict=False):
            with of_line(finding.line_no):
                admit(place)
        for number, finding in enumerate(findings):
            line = lines[finding.line_no]
            item = items[line.variant_id]
            asked = body.results[number].serials if body.results else None
            with of_line(line.line_no):
                if strange := set(asked or ()) - {*line.serials, *line.assigned}:
                    lost = min(strange)
                    raise InvalidState(f"serial {lost} is not on line {line.line_no}", status="unknown", serial_no=lost)
                named = await p.serials.take(item, asked, STATUSES["quarantine"], held_by=receipt.receive_id)
                inspect(p, item, holdings[line.variant_id], finding, named)
        receipt = inspected(receipt, findings, list(holdings.values()))
        for finding in findings:
            receipt = remarked(receipt, call, change.now, finding.note, finding.line_no)
        receive = to_answer(await change.update(RECEIPTS, receipt))
        results = body.results or [_as_result(finding) for finding in findings]
        change.emit("ics.receive.inspected", receipt.receive_id, receive=receive, results=results)
        return ReceiveEnvelope(receive=receive)


def _findings(receipt: ReceiveRecord, results: list[QcResultInput] | None, places: list[Place]) -> list[QcFinding]:
    if results is None:
        return everything_accepted(receipt)
    known = {line.line_no for line in receipt.lines}
    for number, result in enumerate(results):
        if result.line_no not in known:
            raise invalid_field(f"results.{number}.line_no", "the receipt has no such line")
    return [
        QcFinding(
            line_no=result.line_no,
            outcome=result.outcome,
            quantity=result.quantity,
            place=place.landing() if place.zone is not None else None,
            note=result.note,
        )
        for result, place in zip(results, places, strict=True)
    ]


def _as_result(finding: QcFinding) -> QcResultInput:
    return QcResultInput(line_no=finding.line_no, outcome=finding.outcome, quantity=finding.quantity)


class ReceiveGetRequest(Request):
    receive_id: Id


@endpoints.post("/receive/get", roles=READ)
async def ics_receive_get(view: View, body: ReceiveGetRequest) -> ReceiveEnvelope:
    """Show a receipt."""
    return ReceiveEnvelope(receive=to_answer(await view.load(RECEIPTS, body.receive_id)))


class ReceiveListRequest(Request, PageRequest):
    logical_guid: Guid | None = None
    status: Status | None = None
    source: Source | None = None
    source_ref: Text | None = None
    variant_id: Guid | None = None
    from_utc: Utc | None = None
    to_utc: Utc | None = None


class ReceiveListEnvelope(Listed[Receive]):
    """One page of them."""


@endpoints.post("/receive/list", roles=READ)
async def ics_receive_list(view: View, body: ReceiveListRequest) -> ReceiveListEnvelope:
    """List receipts, newest first."""
    since = between(at_least=body.from_utc, below=body.to_utc) if body.from_utc or body.to_utc else None
    wanted = {
        "logical_guid": body.logical_guid,
        "variants": body.variant_id,
        "status": body.status,
        "source": body.source,
        "source_ref": body.source_ref,
        "created_utc": since,
    }
    page = await list_receipts(view, wanted, body)
    return ReceiveListEnvelope(
        items=[to_answer(receipt) for receipt in page.items], count=page.count, next_token=page.next_token
    )
