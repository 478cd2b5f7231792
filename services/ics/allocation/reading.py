"""The endpoints that show allocations. The contract's ics.yaml specifies them."""

from chassis.endpoint import Answer, Endpoints, Listed, Request
from chassis.page import PageRequest
from chassis.unit import View
from chassis.values import Code, Guid, Id, Text, Utc
from services.ics.allocation.domain import Allocation, Status
from services.ics.allocation.store import ALLOCATIONS, list_allocations
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


class AllocationListRequest(Request, PageRequest):
    logical_guid: Guid | None = None
    channel_code: Code | None = None
    variant_id: Guid | None = None
    status: Status | None = None
    order_ref: Text | None = None
    reservation_id: Id | None = None
    expires_before: Utc | None = None


class AllocationListEnvelope(Listed[Allocation]):
    """One page of allocations."""


@endpoints.post("/list", roles=READ)
async def ics_allocation_list(view: View, body: AllocationListRequest) -> AllocationListEnvelope:
    """List allocations, newest first."""
    wanted = {
        "logical_guid": body.logical_guid,
        "channel_code": body.channel_code,
        "variant_id": body.variant_id,
        "status": body.status,
        "order_ref": body.order_ref,
        "reservation_id": body.reservation_id,
    }
    page = await list_allocations(view, wanted, body.expires_before, body)
    return AllocationListEnvelope.of(page)
