"""The endpoints that request, approve, report and suggest transfers, specified in the contract's ics.yaml.

Those of shipments are in `shipping.py` and `receiving.py`.
"""

from typing import Annotated, Literal

from msgspec import Meta

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Listed, Request, Revised
from chassis.errors import invalid_field
from chassis.page import PageRequest
from chassis.unit import Change, View
from chassis.values import Code, Date, Guid, Id, Qty, Qty0, Reason, Text, Utc
from services.ics.atp.reading import FACILITIES_MAX
from services.ics.period import period
from services.ics.remarks import remarked
from services.ics.transfer import receiving, shipping
from services.ics.transfer.domain import (
    TRANSFER_LINES_MAX,
    Transfer,
    TransferLine,
    TransferLineNo,
    TransferRecord,
    TransferStatus,
    approve,
    cancel,
    reject,
    submit,
    to_answer,
)
from services.ics.transfer.reading import facts_of
from services.ics.transfer.report import GroupBy, Rows, TransferReport, TransferReportRow
from services.ics.transfer.store import TRANSFERS, list_transfers, transfers_created
from services.ics.transfer.suggest import Suggestions, Weighings, suggest
from services.ics.words import PLANNER, READ, TRANSFER_APPROVE

endpoints = Endpoints("ics", "/transfer")
endpoints.include(shipping.endpoints, receiving.endpoints)

REPORT_TRANSFERS_MAX = 50_000
"""Maximum number of transfers in a report, to limit its cost. With more, the caller must choose a shorter period."""

VARIANTS_MAX = 50
TARGET_DAYS = 14

Decision = Literal["approve", "reject"]


class TransferEnvelope(Answer):
    transfer: Transfer


class TransferLineInput(Request):
    variant_id: Guid
    quantity: Qty


class TransferRequestCreateRequest(Request):
    from_logical_guid: Guid
    to_logical_guid: Guid
    code: Code | None = None
    needed_by: Date | None = None
    note: Text | None = None
    lines: Annotated[list[TransferLineInput], Meta(min_length=1, max_length=TRANSFER_LINES_MAX)]

    def problems(self) -> list[tuple[str, str]]:
        found = []
        if self.from_logical_guid == self.to_logical_guid:
            found.append(("to_logical_guid", "is where the goods are"))
        seen: set[str] = set()
        for number, line in enumerate(self.lines):
            if line.variant_id in seen:
                found.append((f"lines.{number}.variant_id", "is in another line"))
            seen.add(line.variant_id)
        return found


@endpoints.post(
    "/request/create",
    roles=PLANNER,
    emits=["ics.transfer.created"],
    refusals={"conflict": "the code is taken in the org"},
)
async def ics_transfer_request_create(change: Change, body: TransferRequestCreateRequest) -> TransferEnvelope:
    """Draft a transfer from one facility to another."""
    kept = TransferRecord(
        transfer_id=change.new_id(),
        code=body.code,
        from_logical_guid=body.from_logical_guid,
        to_logical_guid=body.to_logical_guid,
        needed_by=body.needed_by,
        note=body.note,
        lines=[
            TransferLine(line_no=number, variant_id=line.variant_id, quantity=line.quantity)
            for number, line in enumerate(body.lines, 1)
        ],
    )
    transfer = to_answer(await change.insert(TRANSFERS, kept))
    change.emit("ics.transfer.created", transfer.transfer_id, transfer=transfer)
    return TransferEnvelope(transfer=transfer)


class TransferRequestGetRequest(Request):
    transfer_id: Id


@endpoints.post("/request/get", roles=READ)
async def ics_transfer_request_get(view: View, body: TransferRequestGetRequest) -> TransferEnvelope:
    """Show a transfer."""
    return TransferEnvelope(transfer=to_answer(await view.load(TRANSFERS, body.transfer_id)))


class TransferRequestListRequest(Request, PageRequest):
    from_logical_guid: Guid | None = None
    to_logical_guid: Guid | None = None
    status: TransferStatus | None = None
    variant_id: Guid | None = None
    code: Code | None = None


class TransferListEnvelope(Listed[Transfer]):
    """One page of them."""


@endpoints.post("/request/list", roles=READ)
async def ics_transfer_request_list(view: View, body: TransferRequestListRequest) -> TransferListEnvelope:
    """List transfers, newest first."""
    wanted = {
        "from_logical_guid": body.from_logical_guid,
        "to_logical_guid": body.to_logical_guid,
        "status": body.status,
        "variants": body.variant_id,
        "code": body.code,
    }
    page = await list_transfers(view, wanted, body)
    return TransferListEnvelope(
        items=[to_answer(kept) for kept in page.items], count=page.count, next_token=page.next_token
    )


class TransferRequestSubmitRequest(Revised):
    transfer_id: Id
    note: Text | None = None


@endpoints.post(
    "/request/submit",
    roles=PLANNER,
    emits=["ics.transfer.submitted"],
    refusals={"conflict_state": "not a draft"},
)
async def ics_transfer_request_submit(
    call: Call, change: Change, body: TransferRequestSubmitRequest
) -> TransferEnvelope:
    """Submit a draft for approval."""
    kept = await change.load(TRANSFERS, body.transfer_id, body.expected_revision)
    kept = submit(kept, actor=call.caller.actor, now=change.now)
    kept = remarked(kept, call, change.now, body.note)
    transfer = to_answer(await change.update(TRANSFERS, kept))
    change.emit("ics.transfer.submitted", transfer.transfer_id, transfer=transfer)
    return TransferEnvelope(transfer=transfer)


class TransferApprovalInput(Request):
    line_no: TransferLineNo
    approved: Qty0


class TransferRequestApproveRequest(Revised):
    transfer_id: Id
    decision: Decision = "approve"
    lines: Annotated[list[TransferApprovalInput], Meta(min_length=1, max_length=TRANSFER_LINES_MAX)] | None = None
    note: Text | None = None

    def problems(self) -> list[tuple[str, str]]:
        found = []
        if self.decision == "reject":
            found += [("note", "is required to reject")] if self.note is None else []
            found += [("lines", "go with approve")] if self.lines is not None else []
        seen: set[int] = set()
        for number, line in enumerate(self.lines or ()):
            if line.line_no in seen:
                found.append((f"lines.{number}.line_no", "is named twice"))
            seen.add(line.line_no)
        return found


@endpoints.post(
    "/request/approve",
    roles=TRANSFER_APPROVE,
    emits=["ics.transfer.approved", "ics.transfer.rejected"],
    refusals={"conflict_state": "not submitted"},
)
async def ics_transfer_request_approve(
    call: Call, change: Change, body: TransferRequestApproveRequest
) -> TransferEnvelope:
    """Approve a transfer in full or with fewer units, or reject it, without moving stock."""
    kept = await change.load(TRANSFERS, body.transfer_id, body.expected_revision)
    actor = call.caller.actor
    if body.decision == "approve":
        cuts = {line.line_no: line.approved for line in body.lines or ()}
        kept = approve(kept, cuts, actor=actor, now=change.now, note=body.note)
    else:
        kept = reject(kept, actor=actor, now=change.now, note=body.note)
    transfer = to_answer(await change.update(TRANSFERS, kept))
    event = "ics.transfer.approved" if body.decision == "approve" else "ics.transfer.rejected"
    change.emit(event, transfer.transfer_id, transfer=transfer)
    return TransferEnvelope(transfer=transfer)


class TransferRequestCancelRequest(Revised):
    transfer_id: Id
    reason: Reason


@endpoints.post(
    "/request/cancel",
    roles=PLANNER,
    emits=["ics.transfer.cancelled", "ics.transfer.completed"],
    refusals={"conflict_state": "rejected, completed or cancelled, or in progress and already final"},
)
async def ics_transfer_request_cancel(
    call: Call, change: Change, body: TransferRequestCancelRequest
) -> TransferEnvelope:
    """Cancel what has not been shipped of a transfer; shipments under way go on."""
    kept = await change.load(TRANSFERS, body.transfer_id, body.expected_revision)
    kept = cancel(kept, actor=call.caller.actor, now=change.now)
    kept = remarked(kept, call, change.now, body.reason)
    transfer = to_answer(await change.update(TRANSFERS, kept, body.reason))
    change.emit("ics.transfer.cancelled", transfer.transfer_id, transfer=transfer)
    if transfer.status == "completed":
        change.emit("ics.transfer.completed", transfer.transfer_id, transfer=transfer)
    return TransferEnvelope(transfer=transfer)


class TransferReportRequest(Request):
    from_utc: Utc | None = None
    to_utc: Utc | None = None
    from_logical_guid: Guid | None = None
    to_logical_guid: Guid | None = None
    variant_id: Guid | None = None
    group_by: GroupBy = "lane"


class TransferReportEnvelope(Answer):
    from_utc: Utc
    to_utc: Utc
    group_by: GroupBy
    rows: Rows
    total: TransferReportRow


@endpoints.post("/report", roles=READ, snapshot=True)
async def ics_transfer_report(view: View, body: TransferReportRequest) -> TransferReportEnvelope:
    """Add up the lines of the transfers created in a period."""
    since, until = period(body.from_utc, body.to_utc, view.now)
    wanted = {
        "variants": body.variant_id,
        "from_logical_guid": body.from_logical_guid,
        "to_logical_guid": body.to_logical_guid,
    }
    transfers = await transfers_created(view, wanted, since, until, REPORT_TRANSFERS_MAX)
    if len(transfers) > REPORT_TRANSFERS_MAX:
        raise invalid_field("from_utc", f"more than {REPORT_TRANSFERS_MAX} transfers are newer; ask for a shorter time")
    report = TransferReport(body.group_by, body.variant_id)
    report.add(transfers)
    return TransferReportEnvelope(
        from_utc=since, to_utc=until, group_by=body.group_by, rows=report.rows(), total=report.total.row()
    )


class TransferSuggestRequest(Request):
    variant_ids: Annotated[list[Guid], Meta(min_length=1, max_length=VARIANTS_MAX)]
    logical_guids: Annotated[list[Guid], Meta(min_length=2, max_length=FACILITIES_MAX)] | None = None
    target_days: Annotated[int, Meta(ge=1, le=180)] = TARGET_DAYS


class TransferSuggestEnvelope(Answer):
    items: Suggestions
    considered: Weighings


@endpoints.post("/suggest", roles=PLANNER, snapshot=True)
async def ics_transfer_suggest(view: View, body: TransferSuggestRequest) -> TransferSuggestEnvelope:
    """Suggest transfers from facilities above their target to those below."""
    facts = await facts_of(view, body.variant_ids, body.logical_guids)
    items, considered = suggest(facts, body.target_days)
    return TransferSuggestEnvelope(items=items, considered=considered)
