"""The endpoints that show commits. The contract's ics.yaml specifies them."""

from chassis.endpoint import Answer, Endpoints, Listed, Request
from chassis.page import PageRequest
from chassis.unit import View
from chassis.values import Code, Guid, Id, Text, Utc
from services.ics.commit.domain import Commit, Status
from services.ics.commit.store import COMMITS, list_commits
from services.ics.words import READ

endpoints = Endpoints("ics", "/commit")


class CommitGetEnvelope(Answer):
    commit: Commit


class CommitGetRequest(Request):
    commit_id: Id


@endpoints.post("/get", roles=READ)
async def ics_commit_get(view: View, body: CommitGetRequest) -> CommitGetEnvelope:
    """Show a commit."""
    return CommitGetEnvelope(commit=await view.load(COMMITS, body.commit_id))


class CommitListRequest(Request, PageRequest):
    logical_guid: Guid | None = None
    channel_code: Code | None = None
    variant_id: Guid | None = None
    status: Status | None = None
    order_ref: Text | None = None
    reservation_id: Id | None = None
    allocation_id: Id | None = None
    due_before: Utc | None = None


class CommitListEnvelope(Listed[Commit]):
    """One page of commits."""


@endpoints.post("/list", roles=READ)
async def ics_commit_list(view: View, body: CommitListRequest) -> CommitListEnvelope:
    """List commits, newest first; with status open, the pick list of a facility."""
    wanted = {
        "logical_guid": body.logical_guid,
        "channel_code": body.channel_code,
        "variant_id": body.variant_id,
        "status": body.status,
        "order_ref": body.order_ref,
        "reservation_id": body.reservation_id,
        "allocation_id": body.allocation_id,
    }
    page = await list_commits(view, wanted, body.due_before, body)
    return CommitListEnvelope.of(page)
