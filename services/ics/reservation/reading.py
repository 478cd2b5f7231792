"""The endpoints that show reservations. The contract's ics.yaml specifies them."""

from chassis.endpoint import Answer, Endpoints, Listed, Request
from chassis.unit import View
from chassis.values import Id, Text, Utc
from services.ics.ledger.promise_lists import PromiseListRequest, promise_page
from services.ics.reservation.domain import DemandType, Reservation, Status
from services.ics.reservation.store import FILTERS, RESERVATIONS
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


class ReservationListRequest(PromiseListRequest):
    status: Status | None = None
    demand_type: DemandType | None = None
    demand_ref: Text | None = None
    expires_before: Utc | None = None


class ReservationListEnvelope(Listed[Reservation]):
    """One page of reservations."""


@endpoints.post("/list", roles=READ)
async def ics_reservation_list(view: View, body: ReservationListRequest) -> ReservationListEnvelope:
    """List reservations, newest first."""
    page = await promise_page(view, RESERVATIONS, FILTERS, body, expires_before="expires_utc")
    return ReservationListEnvelope.of(page)
