"""Inbox items: things somebody is to do or to know. Where one is kept and how far the work is are two matters."""

from typing import Literal

from msgspec.structs import replace

from chassis.entity import Record
from chassis.errors import InvalidState
from chassis.values import Guid, Id, LongText, Name, Utc
from services.ics.words import Source, SubjectType

InboxStatus = Literal["inbox", "archived", "doomed"]
InboxState = Literal["unread", "read", "in_progress", "done"]
Priority = Literal["low", "normal", "high"]


class InboxItem(Record):
    """One thing to do or to know; without a recipient it is for everyone who may read."""

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


def texts_of(item: InboxItem) -> list[str]:
    """What an item is searched in."""
    return [item.title] if item.body is None else [item.title, item.body]


def set_state(item: InboxItem, state: InboxState) -> InboxItem:
    """The item with its work so far, while it is in the inbox."""
    if item.status != "inbox":
        raise InvalidState(f"the item is {item.status}", status=item.status)
    if item.state == state:
        raise InvalidState(f"the item is {state} already", status=item.state)
    return replace(item, state=state)


def set_status(item: InboxItem, status: InboxStatus) -> InboxItem:
    """The item, put away or brought back; doomed is for good. Its state stays."""
    if item.status in {status, "doomed"}:
        raise InvalidState(f"the item is {item.status}", status=item.status)
    return replace(item, status=status)
