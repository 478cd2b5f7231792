"""Events published about reservations."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.reservation.domain import Reservation


class ReservationChanged(Value):
    """The reservation after the change."""

    reservation: Reservation


class ReservationReleased(Value):
    """The reservation after the change, and the number of units released."""

    reservation: Reservation
    quantity: int


EVENTS = [
    EventType(
        type="ics.reservation.created",
        subject="reservation_id",
        body=ReservationChanged,
        summary="Units were promised for a while.",
    ),
    EventType(
        type="ics.reservation.expired",
        subject="reservation_id",
        body=ReservationChanged,
        summary="A reservation's time was up; what it still held is available again.",
    ),
    EventType(
        type="ics.reservation.extended",
        subject="reservation_id",
        body=ReservationChanged,
        summary="A reservation lasts longer; what it holds stays held.",
    ),
    EventType(
        type="ics.reservation.released",
        subject="reservation_id",
        body=ReservationReleased,
        summary="Units of a reservation are available again.",
    ),
]
