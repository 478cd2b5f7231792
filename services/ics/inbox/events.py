"""Events published about inbox items."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.inbox.domain import InboxItem


class InboxChanged(Value):
    """The item after the change."""

    item: InboxItem


EVENTS = [
    EventType(type="ics.inbox.created", subject="inbox_id", body=InboxChanged, summary="An inbox item was created."),
    EventType(
        type="ics.inbox.state_changed",
        subject="inbox_id",
        body=InboxChanged,
        summary="The state of the work on an inbox item changed.",
    ),
    EventType(
        type="ics.inbox.status_changed",
        subject="inbox_id",
        body=InboxChanged,
        summary="An inbox item was archived, restored or doomed.",
    ),
]
