"""Events published about comments."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.comment.domain import Comment


class CommentChanged(Value):
    """The comment after the change."""

    comment: Comment


EVENTS = [
    EventType(
        type="ics.comment.added", subject="comment_id", body=CommentChanged, summary="Somebody commented on something."
    ),
    EventType(
        type="ics.comment.revised",
        subject="comment_id",
        body=CommentChanged,
        summary="A comment says something else now; what it said before is in its history.",
    ),
    EventType(
        type="ics.comment.status_changed",
        subject="comment_id",
        body=CommentChanged,
        summary="A comment was put away, brought back, or doomed.",
    ),
]
