"""Events published about inbox items."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.inbox.domain import InboxItem


class InboxChanged(Value):
    """The item after the change."""

    item: InboxItem


EVENTS = [
    EventType(
        type="ics.inbox.created", subject="inbox_id", body=InboxChanged, summary="Something came into the inbox."
    ),
    EventType(
        type="ics.inbox.state_changed",
        subject="inbox_id",
        body=InboxChanged,
        summary="The work on an item goes on, or is done.",
    ),
    EventType(
        type="ics.inbox.status_changed",
        subject="inbox_id",
        body=InboxChanged,
        summary="An item was put away, brought back, or doomed.",
    ),
]
