"""The endpoints that show commits. The contract's ics.yaml specifies them."""

from chassis.endpoint import Answer, Endpoints, Listed, Request
from chassis.unit import View
from chassis.values import Id, Text, Utc
from services.ics.commit.domain import Commit, Status
from services.ics.commit.store import COMMITS, FILTERS
from services.ics.ledger.promise_lists import PromiseListRequest, promise_page
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


class CommitListRequest(PromiseListRequest):
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
    page = await promise_page(view, COMMITS, FILTERS, body, due_before="due_utc")
    return CommitListEnvelope.of(page)
