"""Reservations: units promised for a while, in the reservation's own name. Pure."""

from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from chassis.clock import Date, later
from chassis.entity import Record, Value
from chassis.errors import InvalidState
from chassis.values import Code, Guid, Id, Qty, Qty0, Text, Utc
from services.ics.atp.domain import Terms, promisable
from services.ics.ledger.balance import Page
from services.ics.ledger.books import Books, insufficient
from services.ics.ledger.draw import ANYWHERE, Pin
from services.ics.ledger.holder import HeldPosition, Holding, parts_of
from services.ics.ledger.lot import is_sellable
from services.ics.ledger.promise import give_back, promise
from services.ics.policy.domain import PolicyValues
from services.ics.words import Kind

DemandType = Literal["cart", "order", "quote", "other"]
Status = Literal["active", "allocated", "committed", "released", "expired", "lost"]

POSITIONS_MAX = 500
"""Most positions one promise may be spread over."""

Positions = Annotated[list[HeldPosition], Meta(max_length=POSITIONS_MAX)]


class Reservation(Record, frozen=True, kw_only=True):
    """Units promised until `expires_utc`. quantity = remaining + allocated + committed + released + expired + lost."""

    reservation_id: Id
    logical_guid: Guid
    channel_code: Code
    variant_id: Guid
    demand_type: DemandType
    demand_ref: Text | None
    quantity: Qty
    remaining: Qty0
    allocated: Qty0 = 0
    committed: Qty0 = 0
    released: Qty0 = 0
    expired: Qty0 = 0
    lost: Qty0 = 0
    backordered: Qty0 = 0
    status: Status = "active"
    expires_utc: Utc
    positions: Positions


class Demand(Value, frozen=True, kw_only=True):
    """What is asked for."""

    channel_code: str
    quantity: int
    demand_type: DemandType
    demand_ref: str | None
    ttl_seconds: int | None


def status_of(reservation: Reservation) -> Status:
    """The first counter above 0 says what a reservation is."""
    counters: tuple[tuple[Status, int], ...] = (
        ("active", reservation.remaining),
        ("committed", reservation.committed),
        ("allocated", reservation.allocated),
        ("expired", reservation.expired),
        ("released", reservation.released),
    )
    return next((status for status, units in counters if units > 0), "lost")


def restated(reservation: Reservation, holding: Holding) -> Reservation:
    """The reservation with what it holds now, and the status that follows from its counters."""
    return replace(reservation, positions=spread(holding), status=status_of(reservation))


def spread(holding: Holding) -> list[HeldPosition]:
    """A promise's positions; more than a promise may have are refused."""
    positions = holding.positions()
    if len(positions) > POSITIONS_MAX:
        raise InvalidState(f"the units lie at more than {POSITIONS_MAX} positions", status="scattered")
    return positions


def promisable_now(page: Page, policy: PolicyValues, held_back: int, today: Date) -> int:
    """How many units a promise may ask for, once what was overdue has lapsed."""
    unsellable = sum(
        cell.available
        for cell in page.cells.values()
        if cell.available > 0 and not is_sellable(page.lots, cell.lot_code, today)
    )
    return promisable(Terms(available=page.total("available"), unsellable=unsellable), policy, held_back)


def draw_promise(books: Books, kind: Kind, quantity: int, holding: Holding, *, limit: int, pin: Pin = ANYWHERE) -> int:
    """Draw a promise's units within what is promisable, and say how many are promised beyond stock."""
    if quantity > limit:
        raise insufficient(holding.page, "available", quantity, limit, f"{limit} of {quantity} can be promised")
    return promise(books, kind, quantity, holding, pin)


def lapses_at(page: Page, expires_utc: Utc) -> None:
    """Let the item know that a promise of it lapses then."""
    if page.lapse_utc is None or expires_utc < page.lapse_utc:
        page.lapse_utc = expires_utc


def reserve(
    books: Books, page: Page, reservation_id: str, demand: Demand, *, policy: PolicyValues, limit: int
) -> Reservation:
    """A reservation that has drawn its units; refused where more is asked for than `limit`."""
    holding = books.own(page, "reservation", reservation_id)
    backordered = draw_promise(books, "reserve", demand.quantity, holding, limit=limit)
    expires_utc = later(books.now, demand.ttl_seconds or policy.reservation_ttl_seconds)
    lapses_at(page, expires_utc)
    return Reservation(
        reservation_id=reservation_id,
        logical_guid=page.logical_guid,
        channel_code=demand.channel_code,
        variant_id=page.variant_id,
        demand_type=demand.demand_type,
        demand_ref=demand.demand_ref,
        quantity=demand.quantity,
        remaining=demand.quantity,
        backordered=backordered,
        expires_utc=expires_utc,
        positions=spread(holding),
    )


def held_by(books: Books, page: Page, reservation: Reservation) -> Holding:
    """The reservation as a holder, kept by the call itself."""
    return books.own(page, "reservation", reservation.reservation_id, parts_of(reservation.positions))


def check_active(reservation: Reservation, quantity: int | None) -> int:
    """How many units are meant: those asked for, or all that remain."""
    if reservation.remaining == 0:
        raise InvalidState(f"the reservation is {reservation.status}", status=reservation.status)
    if quantity is not None and quantity > reservation.remaining:
        raise InvalidState(f"{reservation.remaining} units remain", status=reservation.status)
    return quantity or reservation.remaining


def check_usable(reservation: Reservation, quantity: int | None, now: Utc) -> int:
    """How many units pass on to the next promise; an overdue reservation passes none on."""
    if reservation.remaining > 0 and reservation.expires_utc <= now:
        raise InvalidState("the reservation is overdue", status=reservation.status, expires_utc=reservation.expires_utc)
    return check_active(reservation, quantity)


def release(books: Books, page: Page, reservation: Reservation, quantity: int | None) -> tuple[Reservation, int]:
    """The reservation after units went back to available, and how many did."""
    units = check_active(reservation, quantity)
    holding = held_by(books, page, reservation)
    give_back(books, "release", units, holding)
    left = replace(reservation, remaining=reservation.remaining - units, released=reservation.released + units)
    return restated(left, holding), units


def expired(reservation: Reservation, units: int) -> Reservation:
    """The reservation after all it still had went back because its time was up."""
    left = replace(reservation, remaining=0, expired=reservation.expired + units, positions=[])
    return replace(left, status=status_of(left))


def expire(books: Books, page: Page, reservation: Reservation) -> Reservation:
    """The reservation after it has been expired by a caller; refused while its time is not up."""
    check_active(reservation, None)
    if reservation.expires_utc > books.now:
        raise InvalidState("expires_utc is still ahead", status=reservation.status, expires_utc=reservation.expires_utc)
    give_back(books, "expire", reservation.remaining, held_by(books, page, reservation))
    return expired(reservation, reservation.remaining)


def changed_in_passing(reservation: Reservation, holding: Holding) -> Reservation:
    """The reservation after others moved its units about, or lost some of them."""
    lost = sum(loss.quantity for loss in holding.losses)
    return restated(replace(reservation, remaining=reservation.remaining - lost, lost=reservation.lost + lost), holding)
