"""Inbox items: tasks and notices. `status` is the folder of an item, `state` the progress of the work on it."""

from typing import Literal

from msgspec import field
from msgspec.structs import replace

from chassis.entity import Record
from chassis.errors import InvalidState
from chassis.values import Guid, Id, LongText, Name, Utc
from services.ics.remarks import Remarks
from services.ics.words import Source, SubjectType

InboxStatus = Literal["inbox", "archived", "doomed"]
InboxState = Literal["unread", "read", "in_progress", "done"]
Priority = Literal["low", "normal", "high"]


class InboxItem(Record):
    """A task or notice; without a recipient it is for every user who may read the inbox."""

    inbox_id: Id
    source: Source = "ics"
    recipient: Guid | None = None
    subject_type: SubjectType | None = None
    subject_id: Guid | None = None
    title: Name
    body: LongText | None = None
    priority: Priority = "normal"
    due_utc: Utc | None = None
    status: InboxStatus = "inbox"
    state: InboxState = "unread"
    remarks: Remarks = field(default_factory=list)


def texts_of(item: InboxItem) -> list[str]:
    """The texts of an item that are searched."""
    return [item.title] if item.body is None else [item.title, item.body]


def set_state(item: InboxItem, state: InboxState) -> InboxItem:
    """The item with the new state. Raises `InvalidState` if it already has it, or its status is not inbox."""
    if item.status != "inbox":
        raise InvalidState(f"the item is {item.status}", status=item.status)
    if item.state == state:
        raise InvalidState(f"the item is {state} already", status=item.state)
    return replace(item, state=state)


def set_status(item: InboxItem, status: InboxStatus) -> InboxItem:
    """The item with the new status. Raises `InvalidState` if it already has it or is doomed (final)."""
    if item.status in {status, "doomed"}:
        raise InvalidState(f"the item is {item.status}", status=item.status)
    return replace(item, status=status)
