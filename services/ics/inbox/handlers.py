"""The inbox endpoints. The contract's ics.yaml specifies each of them."""

from collections.abc import Sequence
from typing import Literal

from chassis.endpoint import Answer, Endpoints, Listed, Request, Revised
from chassis.page import PageRequest
from chassis.unit import Change, View
from chassis.values import Guid, Id, LongText, Name, Utc
from services.ics.finding.store import learn, mark
from services.ics.inbox.domain import InboxItem, InboxState, InboxStatus, Priority, set_state, set_status, texts_of
from services.ics.inbox.store import INBOX, list_items
from services.ics.status import StatusRequest, with_status
from services.ics.words import READ, Source, SubjectType

endpoints = Endpoints("ics", "/inbox")


class InboxEnvelope(Answer):
    item: InboxItem


class InboxCreateRequest(Request):
    title: Name
    body: LongText | None = None
    recipient: Guid | None = None
    subject_type: SubjectType | None = None
    subject_id: Guid | None = None
    priority: Priority = "normal"
    due_utc: Utc | None = None
    source: Source = "ics"

    def problems(self) -> Sequence[tuple[str, str]]:
        if (self.subject_type is None) == (self.subject_id is None):
            return ()
        missing, there = ("subject_type", "subject_id")[:: 1 if self.subject_type is None else -1]
        return [(missing, f"comes together with {there}")]


@endpoints.post("/create", roles=READ, emits=["ics.inbox.created"])
async def ics_inbox_create(change: Change, body: InboxCreateRequest) -> InboxEnvelope:
    """Create an inbox item for one recipient or for everyone."""
    item = InboxItem(
        inbox_id=change.new_id(),
        source=body.source,
        recipient=body.recipient,
        subject_type=body.subject_type,
        subject_id=body.subject_id,
        title=body.title,
        body=body.body,
        priority=body.priority,
        due_utc=body.due_utc,
    )
    item = await change.insert(INBOX, item)
    await mark(change, INBOX, item.inbox_id)
    await learn(change, texts_of(item))
    change.emit("ics.inbox.created", item.inbox_id, item=item)
    return InboxEnvelope(item=item)


class InboxGetRequest(Request):
    inbox_id: Id


@endpoints.post("/get", roles=READ)
async def ics_inbox_get(view: View, body: InboxGetRequest) -> InboxEnvelope:
    """Show an inbox item without marking it as read."""
    return InboxEnvelope(item=await view.load(INBOX, body.inbox_id))


class InboxListRequest(Request, PageRequest):
    status: Literal["inbox", "archived", "doomed", "all"] = "inbox"
    state: InboxState | None = None
    recipient: Guid | None = None
    priority: Priority | None = None
    subject_type: SubjectType | None = None
    subject_id: Guid | None = None


class InboxListEnvelope(Listed[InboxItem]):
    """One page of inbox items."""


@endpoints.post("/list", roles=READ)
async def ics_inbox_list(view: View, body: InboxListRequest) -> InboxListEnvelope:
    """List the inbox items of this domain, newest first."""
    wanted = {
        "source": "ics",
        "status": None if body.status == "all" else body.status,
        "state": body.state,
        "recipient": body.recipient,
        "priority": body.priority,
        "subject_type": body.subject_type,
        "subject_id": body.subject_id,
    }
    page = await list_items(view, wanted, body)
    return InboxListEnvelope.of(page)


class InboxStateRequest(Revised):
    inbox_id: Id
    state: InboxState


@endpoints.post(
    "/state",
    roles=READ,
    emits=["ics.inbox.state_changed"],
    refusals={"conflict_state": "already so, or the item is not in status inbox"},
)
async def ics_inbox_state(change: Change, body: InboxStateRequest) -> InboxEnvelope:
    """Set the state of the work on an inbox item."""
    item = await change.load(INBOX, body.inbox_id, body.expected_revision)
    item = await change.update(INBOX, set_state(item, body.state))
    change.emit("ics.inbox.state_changed", item.inbox_id, item=item)
    return InboxEnvelope(item=item)


class InboxStatusRequest(StatusRequest[InboxStatus]):
    inbox_id: Id


@endpoints.post(
    "/status",
    roles=READ,
    emits=["ics.inbox.status_changed"],
    refusals={"conflict_state": "already so, or doomed"},
)
async def ics_inbox_status(change: Change, body: InboxStatusRequest) -> InboxEnvelope:
    """Archive, restore or doom an inbox item."""
    item = await with_status(change, INBOX, body.inbox_id, body, set_status)
    change.emit("ics.inbox.status_changed", item.inbox_id, item=item)
    return InboxEnvelope(item=item)
