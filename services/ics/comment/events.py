"""Events published about comments."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.comment.domain import Comment


class CommentChanged(Value):
    """The comment after the change."""

    comment: Comment


EVENTS = [
    EventType(
        type="ics.comment.added", subject="comment_id", body=CommentChanged, summary="A comment was added to a subject."
    ),
    EventType(
        type="ics.comment.revised",
        subject="comment_id",
        body=CommentChanged,
        summary="The text of a comment was replaced; the old text is in its history.",
    ),
    EventType(
        type="ics.comment.status_changed",
        subject="comment_id",
        body=CommentChanged,
        summary="A comment was archived, restored or doomed.",
    ),
]
