"""The endpoints that show allocations. The contract's ics.yaml specifies them."""

from chassis.endpoint import Answer, Endpoints, Listed, Request
from chassis.unit import View
from chassis.values import Id, Text, Utc
from services.ics.allocation.domain import Allocation, Status
from services.ics.allocation.store import ALLOCATIONS, FILTERS
from services.ics.ledger.promise_lists import PromiseListRequest, promise_page
from services.ics.words import READ

endpoints = Endpoints("ics", "/allocation")


class AllocationGetEnvelope(Answer):
    allocation: Allocation


class AllocationGetRequest(Request):
    allocation_id: Id


@endpoints.post("/get", roles=READ)
async def ics_allocation_get(view: View, body: AllocationGetRequest) -> AllocationGetEnvelope:
    """Show an allocation as it is stored: an overdue one stays active until something expires it."""
    return AllocationGetEnvelope(allocation=await view.load(ALLOCATIONS, body.allocation_id))


class AllocationListRequest(PromiseListRequest):
    status: Status | None = None
    order_ref: Text | None = None
    reservation_id: Id | None = None
    expires_before: Utc | None = None


class AllocationListEnvelope(Listed[Allocation]):
    """One page of allocations."""


@endpoints.post("/list", roles=READ)
async def ics_allocation_list(view: View, body: AllocationListRequest) -> AllocationListEnvelope:
    """List allocations, newest first."""
    page = await promise_page(view, ALLOCATIONS, FILTERS, body, expires_before="expires_utc")
    return AllocationListEnvelope.of(page)
