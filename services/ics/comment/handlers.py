"""The comment endpoints. The contract's ics.yaml specifies each of them."""

from typing import Literal

from chassis.caller import Call
from chassis.clock import start_of
from chassis.endpoint import Answer, Endpoints, Listed, Request, Revised
from chassis.errors import invalid_field
from chassis.page import PageRequest
from chassis.unit import Change, View
from chassis.values import Guid, Id, LongText, Utc
from services.ics.comment.domain import Comment, CommentStatus, check_may_revise, check_reply, revised, set_status
from services.ics.comment.report import (
    CommentReport,
    CommentReportRow,
    GroupBy,
    Rows,
    Span,
    days_of,
    end_of,
    span,
)
from services.ics.comment.store import COMMENTS, count_in, created_between, list_comments, tallies
from services.ics.finding.store import learn, mark
from services.ics.period import period
from services.ics.status import StatusRequest, with_status
from services.ics.words import READ, Source, SubjectType

REPORT_EDGE_MAX = 10_000
"""Most comments of a partial day that a report counts one by one; limits its cost."""

REPORT_TALLIES_MAX = 50_000
"""Most daily tallies that a report sums; limits its cost."""

endpoints = Endpoints("ics", "/comment")


class CommentEnvelope(Answer):
    comment: Comment


class CommentAddRequest(Request):
    subject_type: SubjectType
    subject_id: Guid
    body: LongText
    reply_to: Id | None = None
    source: Source = "ics"


@endpoints.post("", roles=READ, emits=["ics.comment.added"])
async def ics_comment(change: Change, body: CommentAddRequest) -> CommentEnvelope:
    """Add a comment on a subject of any domain; the subject is not looked up."""
    if body.reply_to is not None:
        to = await change.get(COMMENTS, body.reply_to)
        check_reply(to, body.source, body.subject_type, body.subject_id)
    comment = Comment(
        comment_id=change.new_id(),
        source=body.source,
        subject_type=body.subject_type,
        subject_id=body.subject_id,
        reply_to=body.reply_to,
        body=body.body,
    )
    comment = await change.insert(COMMENTS, comment)
    await mark(change, COMMENTS, comment.comment_id)
    await learn(change, [comment.body])
    await count_in(change, comment)
    change.emit("ics.comment.added", comment.comment_id, comment=comment)
    return CommentEnvelope(comment=comment)


class CommentGetRequest(Request):
    comment_id: Id


@endpoints.post("/get", roles=READ)
async def ics_comment_get(view: View, body: CommentGetRequest) -> CommentEnvelope:
    """Show a comment in any status."""
    return CommentEnvelope(comment=await view.load(COMMENTS, body.comment_id))


class CommentListRequest(Request, PageRequest):
    subject_type: SubjectType | None = None
    subject_id: Guid | None = None
    author: Guid | None = None
    status: Literal["current", "archived", "doomed", "all"] = "current"


class CommentListEnvelope(Listed[Comment]):
    """One page of comments."""


@endpoints.post("/list", roles=READ)
async def ics_comment_list(view: View, body: CommentListRequest) -> CommentListEnvelope:
    """List the comments of this domain, newest first."""
    wanted = {
        "source": "ics",
        "subject_type": body.subject_type,
        "subject_id": body.subject_id,
        "created_by": body.author,
        "status": None if body.status == "all" else body.status,
    }
    page = await list_comments(view, wanted, body)
    return CommentListEnvelope.of(page)


class CommentReportRequest(Request):
    from_utc: Utc | None = None
    to_utc: Utc | None = None
    source: Source | None = None
    subject_type: SubjectType | None = None
    group_by: GroupBy = "subject_type"


class CommentReportEnvelope(Answer):
    from_utc: Utc
    to_utc: Utc
    group_by: GroupBy
    rows: Rows
    total: CommentReportRow


@endpoints.post("/report", roles=READ, snapshot=True)
async def ics_comment_report(view: View, body: CommentReportRequest) -> CommentReportEnvelope:
    """Count the comments created in a period, grouped by a property and by current status."""
    since, until = period(body.from_utc, body.to_utc, view.now)
    rest = {field: value for field in ("source", "subject_type") if (value := getattr(body, field)) is not None}
    parts = await _parts(view, since, until)
    report = CommentReport(body.group_by)
    if parts.first_day is not None and parts.last_day is not None:
        days = await tallies(view, parts.first_day, parts.last_day, rest, REPORT_TALLIES_MAX)
        if len(days) > REPORT_TALLIES_MAX:
            raise invalid_field("from_utc", "there is too much to add up in that time; ask for a shorter one")
        report.add(days)
    for start, end in parts.edges:
        comments = await created_between(view, start, end, rest, REPORT_EDGE_MAX)
        if len(comments) > REPORT_EDGE_MAX:
            field = "to_utc" if end == until else "from_utc"
            raise invalid_field(field, f"parts a day of more than {REPORT_EDGE_MAX} comments; name a midnight")
        report.add_comments(comments)
    return CommentReportEnvelope(
        from_utc=since, to_utc=until, group_by=body.group_by, rows=report.rows(), total=report.total()
    )


async def _parts(view: View, since: Utc, until: Utc) -> Span:
    """Split the period into whole days, to be read as tallies, and partial days, to be counted."""
    first, last = days_of(since, until)
    outside = [(start_of(first), since), (until, end_of(last))]
    asked = [created_between(view, start, end, {}, 0) for start, end in outside if start < end]
    found = iter(await view.together(asked))
    before, after = (next(found) if start < end else [] for start, end in outside)
    return span(since, until, quiet_before=not before, quiet_after=not after)


class CommentReviseRequest(Revised):
    comment_id: Id
    body: LongText


@endpoints.post(
    "/revise",
    roles=READ,
    emits=["ics.comment.revised"],
    refusals={
        "forbidden": "the caller is neither the author nor the owner",
        "conflict_state": "the comment is not current",
    },
)
async def ics_comment_revise(call: Call, change: Change, body: CommentReviseRequest) -> CommentEnvelope:
    """Replace the text of a comment; the old text moves to its history."""
    check_may_revise(await change.load(COMMENTS, body.comment_id), call.caller)
    before = await change.load(COMMENTS, body.comment_id, body.expected_revision)
    comment = await change.update(COMMENTS, revised(before, body.body, change.now, call.caller.actor))
    await count_in(change, comment, before)
    await learn(change, [comment.body])
    change.emit("ics.comment.revised", comment.comment_id, comment=comment)
    return CommentEnvelope(comment=comment)


class CommentStatusRequest(StatusRequest[CommentStatus]):
    comment_id: Id


@endpoints.post(
    "/status",
    roles=READ,
    emits=["ics.comment.status_changed"],
    refusals={"conflict_state": "already so, or doomed"},
)
async def ics_comment_status(change: Change, body: CommentStatusRequest) -> CommentEnvelope:
    """Archive, restore or doom a comment."""
    before = await change.load(COMMENTS, body.comment_id)
    comment = await with_status(change, COMMENTS, body.comment_id, body, set_status)
    await count_in(change, comment, before)
    change.emit("ics.comment.status_changed", comment.comment_id, comment=comment)
    return CommentEnvelope(comment=comment)
