"""Allocations: units reserved for one order line. Pure functions, no I/O."""

from typing import ClassVar, Literal

from msgspec.structs import replace

from chassis.clock import later
from chassis.entity import Value
from chassis.values import Id, Text
from services.ics.ledger.draw import ANYWHERE, Pin
from services.ics.ledger.holder import Holding
from services.ics.ledger.lot import check_sellable
from services.ics.ledger.posting import Posting
from services.ics.ledger.promise import pass_on, repin
from services.ics.policy.domain import PolicyValues
from services.ics.reservation.domain import Reservation, draw_promise
from services.ics.reservation.expiring import ExpiringPromise, expiry_of, held_by, restated, spread

Status = Literal["active", "committed", "released", "expired", "lost"]


class Allocation(ExpiringPromise):
    """Units reserved for an order line. quantity = remaining + committed + released + expired + lost."""

    kind: ClassVar = "allocation"

    allocation_id: Id
    reservation_id: Id | None
    order_ref: Text
    order_line_ref: Text | None
    status: Status = "active"

    @property
    def for_order(self) -> str | None:
        return self.order_ref


class AllocationLine(Value):
    """The order line to reserve for. `ttl_seconds` is the lifetime; None takes the policy's default. `pin` limits the
    positions units may be drawn from.
    """

    order_ref: str
    order_line_ref: str | None
    ttl_seconds: int | None
    pin: Pin = ANYWHERE


def allocate(
    posting: Posting,
    holding: Holding,
    line: AllocationLine,
    quantity: int,
    *,
    channel_code: str,
    policy: PolicyValues,
    limit: int,
) -> Allocation:
    """Create an allocation without a reservation and draw its units from available stock inside `line.pin`.

    `limit` is the promisable quantity. Raises `InsufficientStock` if `quantity` exceeds it or the available units
    inside the pin, and `InvalidState` if the pinned lot may not be sold.
    """
    check_sellable(holding.item.lots, line.pin.lot_code, posting.today)
    draw_promise(posting, "allocate", quantity, holding, limit=limit, pin=line.pin)
    return _allocation(posting, holding, line, quantity, channel_code=channel_code, policy=policy)


def allocate_from(
    posting: Posting,
    reservation: Reservation,
    holding: Holding,
    line: AllocationLine,
    quantity: int,
    *,
    policy: PolicyValues,
) -> tuple[Allocation, Reservation]:
    """Move `quantity` units from a reservation to a new allocation; return the allocation and the changed reservation.

    A pin first exchanges the reservation's positions for positions inside the pin. Raises `InsufficientStock` if too
    few units are available there, and `InvalidState` if the pinned lot may not be sold.
    """
    item = holding.item
    check_sellable(item.lots, line.pin.lot_code, posting.today)
    giver = held_by(posting, item, reservation)
    repin(posting, quantity, giver, line.pin)
    pass_on(posting, "allocate", quantity, giver, holding, pin=line.pin)
    allocation = _allocation(posting, holding, line, quantity, channel_code=reservation.channel_code, policy=policy)
    left = replace(reservation, remaining=reservation.remaining - quantity, allocated=reservation.allocated + quantity)
    return replace(allocation, reservation_id=reservation.reservation_id), restated(left, giver)


def _allocation(
    posting: Posting, holding: Holding, line: AllocationLine, quantity: int, *, channel_code: str, policy: PolicyValues
) -> Allocation:
    item = holding.item
    expires_utc = later(posting.now, line.ttl_seconds or policy.allocation_ttl_seconds)
    expiry_of(item, expires_utc)
    return Allocation(
        allocation_id=holding.id,
        reservation_id=None,
        logical_guid=item.logical_guid,
        channel_code=channel_code,
        variant_id=item.variant_id,
        order_ref=line.order_ref,
        order_line_ref=line.order_line_ref,
        quantity=quantity,
        remaining=quantity,
        expires_utc=expires_utc,
        positions=spread(holding),
    )
