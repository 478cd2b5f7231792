"""The endpoints that show reservations. The contract's ics.yaml specifies them."""

from chassis.endpoint import Answer, Endpoints, Listed, Request
from chassis.page import PageRequest
from chassis.unit import View
from chassis.values import Code, Guid, Id, Text, Utc
from services.ics.reservation.domain import DemandType, Reservation, Status
from services.ics.reservation.store import RESERVATIONS, list_reservations
from services.ics.words import READ

endpoints = Endpoints("ics", "/reservation")


class ReservationGetEnvelope(Answer):
    reservation: Reservation


class ReservationGetRequest(Request):
    reservation_id: Id


@endpoints.post("/get", roles=READ)
async def ics_reservation_get(view: View, body: ReservationGetRequest) -> ReservationGetEnvelope:
    """Show a reservation as it is stored: an overdue one stays active until something expires it."""
    return ReservationGetEnvelope(reservation=await view.load(RESERVATIONS, body.reservation_id))


class ReservationListRequest(Request, PageRequest):
    logical_guid: Guid | None = None
    channel_code: Code | None = None
    variant_id: Guid | None = None
    status: Status | None = None
    demand_type: DemandType | None = None
    demand_ref: Text | None = None
    expires_before: Utc | None = None


class ReservationListEnvelope(Listed[Reservation]):
    """One page of reservations."""


@endpoints.post("/list", roles=READ)
async def ics_reservation_list(view: View, body: ReservationListRequest) -> ReservationListEnvelope:
    """List reservations, newest first."""
    wanted = {
        "logical_guid": body.logical_guid,
        "channel_code": body.channel_code,
        "variant_id": body.variant_id,
        "status": body.status,
        "demand_type": body.demand_type,
        "demand_ref": body.demand_ref,
    }
    page = await list_reservations(view, wanted, body.expires_before, body)
    return ReservationListEnvelope.of(page)
