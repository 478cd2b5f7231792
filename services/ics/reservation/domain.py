"""Reservations: units promised until a time and held by the reservation. Pure."""

from typing import ClassVar, Literal

from msgspec.structs import replace

from chassis.clock import Date, Utc, later
from chassis.entity import Value
from chassis.errors import InvalidState, invalid_field
from chassis.values import Id, Qty0, Text
from services.ics.atp.domain import Terms, promisable, unsellable_units
from services.ics.ledger.draw import ANYWHERE, Pin
from services.ics.ledger.holder import Holding
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting, insufficient
from services.ics.ledger.promise import promise
from services.ics.policy.domain import PolicyValues
from services.ics.reservation.expiring import ExpiringPromise, check_usable, expiry_of, spread
from services.ics.words import Kind

DemandType = Literal["cart", "order", "quote", "other"]
Status = Literal["active", "allocated", "committed", "released", "expired", "lost"]


class Reservation(ExpiringPromise):
    """Units promised until `expires_utc`. quantity = remaining + allocated + committed + released + expired + lost."""

    kind: ClassVar = "reservation"

    reservation_id: Id
    demand_type: DemandType
    demand_ref: Text | None
    allocated: Qty0 = 0
    backordered: Qty0 = 0
    status: Status = "active"

    @property
    def for_order(self) -> str | None:
        return self.demand_ref


class Demand(Value):
    """The request of a reservation. `ttl_seconds` None: the policy's."""

    channel_code: str
    quantity: int
    demand_type: DemandType
    demand_ref: str | None
    ttl_seconds: int | None


def promisable_now(item: OpenItem, policy: PolicyValues, held_back: int, today: Date) -> int:
    """The number of units that can be promised now. Overdue promises must have been expired before."""
    unsellable = unsellable_units(item.positions.values(), item.lots, today)
    return promisable(Terms(available=item.total("available"), unsellable=unsellable), policy, held_back)


def draw_promise(
    posting: Posting, kind: Kind, quantity: int, holding: Holding, *, limit: int, pin: Pin = ANYWHERE
) -> int:
    """Draw a promise's units; returns how many are promised beyond stock. Raises `InsufficientStock` if `quantity` is
    above `limit`, the promisable units."""
    if quantity > limit:
        raise insufficient(holding.item, "available", quantity, limit, f"{limit} of {quantity} can be promised")
    return promise(posting, kind, quantity, holding, pin)


def reserve(
    posting: Posting, item: OpenItem, reservation_id: str, demand: Demand, *, policy: PolicyValues, limit: int
) -> Reservation:
    """Make a reservation and draw its units.

    Raises `Invalid` if it would last longer than the policy allows, `InsufficientStock` if the demand is above `limit`.
    """
    seconds = lifetime(demand.ttl_seconds, policy)
    holding = posting.own(item, "reservation", reservation_id)
    backordered = draw_promise(posting, "reserve", demand.quantity, holding, limit=limit)
    expires_utc = later(posting.now, seconds)
    expiry_of(item, expires_utc)
    return Reservation(
        reservation_id=reservation_id,
        logical_guid=item.logical_guid,
        channel_code=demand.channel_code,
        variant_id=item.variant_id,
        demand_type=demand.demand_type,
        demand_ref=demand.demand_ref,
        quantity=demand.quantity,
        remaining=demand.quantity,
        backordered=backordered,
        expires_utc=expires_utc,
        positions=spread(holding),
    )


def lifetime(asked_seconds: int | None, policy: PolicyValues) -> int:
    """How many seconds a new reservation lasts: those asked for, or the policy's default as far as its limit allows.
    Raises `Invalid` if more are asked for than the limit."""
    longest = policy.reservation_max_seconds
    if asked_seconds is None:
        return min(policy.reservation_ttl_seconds, longest)
    if asked_seconds > longest:
        raise invalid_field("ttl_seconds", f"the policy allows {longest} at most")
    return asked_seconds


def extended(reservation: Reservation, until: Utc | None, *, policy: PolicyValues, now: Utc) -> Reservation:
    """The reservation with a later expiry; `until` None: the policy's time from now, as far as its limit allows.

    Raises `Invalid` if `until` is not later than the present expiry or beyond the limit; `InvalidState` if the
    reservation is not active or overdue, or if it has reached the limit.
    """
    latest = later(reservation.created_utc, policy.reservation_max_seconds)
    if until is not None and until <= reservation.expires_utc:
        raise invalid_field("expires_utc", "is not later than the present one")
    if until is not None and until > latest:
        raise invalid_field("expires_utc", f"the policy allows {latest} at most")
    check_usable(reservation, None, now)
    until = until or min(later(now, policy.reservation_ttl_seconds), latest)
    if until <= reservation.expires_utc:
        raise InvalidState("it lasts as long as it may", status=reservation.status, expires_utc=reservation.expires_utc)
    return replace(reservation, expires_utc=until)
