"""The endpoints that show consignments. The contract's ics.yaml specifies them."""

from typing import Annotated

from msgspec import Meta

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Listed, Request
from chassis.page import PageRequest
from chassis.unit import Units, View
from chassis.values import Guid, Id
from services.ics.consignment.domain import OWED_MAX, Consignment, ConsignmentStatus, ConsignorOwed, to_answer
from services.ics.consignment.store import CONSIGNMENTS, list_consignments, owed_in
from services.ics.words import COST, READ

endpoints = Endpoints("ics", "/consignment")


class ConsignmentGetEnvelope(Answer):
    consignment: Consignment


class ConsignmentGetRequest(Request):
    consignment_id: Id


@endpoints.post("/get", roles=READ)
async def ics_consignment_get(call: Call, view: View, body: ConsignmentGetRequest) -> ConsignmentGetEnvelope:
    """Show a consignment."""
    kept = await view.load(CONSIGNMENTS, body.consignment_id)
    return ConsignmentGetEnvelope(consignment=to_answer(kept, money=call.caller.has_any(COST)))


class ConsignmentListRequest(Request, PageRequest):
    logical_guid: Guid | None = None
    variant_id: Guid | None = None
    consignor_ref: Guid | None = None
    status: ConsignmentStatus | None = None
    owing: bool | None = None


class ConsignmentListEnvelope(Listed[Consignment]):
    """One page of consignments; the first page also says what is owed for all of them."""

    owed: Annotated[list[ConsignorOwed], Meta(max_length=OWED_MAX)] | None


@endpoints.post("/list", roles=READ)
async def ics_consignment_list(call: Call, units: Units, body: ConsignmentListRequest) -> ConsignmentListEnvelope:
    """List consignments, newest first, and what is owed per consignor and currency."""
    wanted = {
        "logical_guid": body.logical_guid,
        "variant_id": body.variant_id,
        "consignor_ref": body.consignor_ref,
        "status": body.status,
        "owing": body.owing,
    }
    money = call.caller.has_any(COST)
    # A reader of its own: thousands of consignments may be added up, and the page is of the same moment.
    async with units.snapshot_reader(call) as reader:
        page = await list_consignments(reader, wanted, body)
        owed = await owed_in(reader, wanted) if body.next_token is None else None
    return ConsignmentListEnvelope(
        items=[to_answer(kept, money=money) for kept in page.items],
        count=page.count,
        next_token=page.next_token,
        owed=owed.rows(money=money) if owed is not None else None,
    )
