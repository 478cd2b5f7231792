"""Comments on any subject, in any business domain. They never change stock."""

from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from chassis.caller import Caller
from chassis.entity import Record, Value
from chassis.errors import Forbidden, InvalidState, invalid_field
from chassis.values import Guid, Id, LongText, Qty0, Revision, Utc
from services.ics.remarks import Remarks
from services.ics.words import Source, SubjectType

CommentStatus = Literal["current", "archived", "doomed"]

EDITS_KEPT = 20
"""A comment keeps at most this many earlier texts, the newest ones."""


class CommentEdit(Value):
    """An earlier text with its revision, and the time (UTC) and actor of the edit that replaced it."""

    revision: Revision
    body: LongText
    edited_utc: Utc
    edited_by: Guid


class Comment(Record):
    """A text about one subject. `history` contains its earlier texts, newest first."""

    comment_id: Id
    source: Source = "ics"
    subject_type: SubjectType
    subject_id: Guid
    reply_to: Id | None = None
    body: LongText
    status: CommentStatus = "current"
    edits: Qty0 = 0
    history: Annotated[list[CommentEdit], Meta(max_length=EDITS_KEPT)] = field(default_factory=list)
    remarks: Remarks = field(default_factory=list)


def check_reply(to: Comment | None, source: Source, subject_type: SubjectType, subject_id: str) -> None:
    """Raise `Invalid` if the comment replied to does not exist or is on another subject."""
    if to is None:
        raise invalid_field("reply_to", "names no comment")
    if (to.source, to.subject_type, to.subject_id) != (source, subject_type, subject_id):
        raise invalid_field("reply_to", "is on another subject")


def check_may_revise(comment: Comment, caller: Caller) -> None:
    """Raise `Forbidden` unless the caller is the author of the comment or the owner of the org."""
    if not caller.owner and caller.actor != comment.created_by:
        raise Forbidden("only the author or the owner may revise a comment")


def revised(comment: Comment, body: str, now: Utc, actor: str) -> Comment:
    """The comment with a new text; the old one moves to its history. Raises `InvalidState` unless it is current."""
    if comment.status != "current":
        raise InvalidState(f"the comment is {comment.status}", status=comment.status)
    edit = CommentEdit(revision=comment.revision, body=comment.body, edited_utc=now, edited_by=actor)
    history = [edit, *comment.history][:EDITS_KEPT]
    return replace(comment, body=body, edits=comment.edits + 1, history=history)


def set_status(comment: Comment, status: CommentStatus) -> Comment:
    """The comment with the new status. Raises `InvalidState` if it already has it or is doomed, which is final."""
    if comment.status in {status, "doomed"}:
        raise InvalidState(f"the comment is {comment.status}", status=comment.status)
    return replace(comment, status=status)
