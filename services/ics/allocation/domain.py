"""Allocations: an order line's own units, reserved under its name. Pure."""

from typing import ClassVar, Literal

from msgspec.structs import replace

from chassis.clock import later
from chassis.entity import Value
from chassis.values import Id, Text
from services.ics.ledger.books import Books
from services.ics.ledger.draw import ANYWHERE, Pin
from services.ics.ledger.holder import Holding
from services.ics.ledger.lot import check_sellable
from services.ics.ledger.promise import pass_on, repin
from services.ics.policy.domain import PolicyValues
from services.ics.reservation.domain import Reservation, draw_promise
from services.ics.reservation.lapsing import LapsingPromise, held_by, lapses_at, restated, spread

Status = Literal["active", "committed", "released", "expired", "lost"]


class Allocation(LapsingPromise, frozen=True, kw_only=True):
    """Units of an order line. quantity = remaining + committed + released + expired + lost."""

    kind: ClassVar = "allocation"

    allocation_id: Id
    reservation_id: Id | None
    order_ref: Text
    order_line_ref: Text | None
    status: Status = "active"


class OrderLine(Value, frozen=True, kw_only=True):
    """What an allocation is for, and for how long (None: as the policy says)."""

    order_ref: str
    order_line_ref: str | None
    ttl_seconds: int | None
    pin: Pin = ANYWHERE


def allocate(
    books: Books,
    holding: Holding,
    line: OrderLine,
    quantity: int,
    *,
    channel_code: str,
    policy: PolicyValues,
    limit: int,
) -> Allocation:
    """A free-standing allocation that has drawn its units: within the limit, and at the pin if there is one."""
    check_sellable(holding.page.lots, line.pin.lot_code, books.today)
    draw_promise(books, "allocate", quantity, holding, limit=limit, pin=line.pin)
    return _allocation(books, holding, line, quantity, channel_code=channel_code, policy=policy)


def allocate_from(
    books: Books, reservation: Reservation, holding: Holding, line: OrderLine, quantity: int, *, policy: PolicyValues
) -> tuple[Allocation, Reservation]:
    """An allocation of a reservation's units, repinned first where a pin says where they must come from."""
    page = holding.page
    check_sellable(page.lots, line.pin.lot_code, books.today)
    giver = held_by(books, page, reservation)
    repin(books, quantity, giver, line.pin)
    pass_on(books, "allocate", quantity, giver, holding, pin=line.pin)
    allocation = _allocation(books, holding, line, quantity, channel_code=reservation.channel_code, policy=policy)
    left = replace(reservation, remaining=reservation.remaining - quantity, allocated=reservation.allocated + quantity)
    return replace(allocation, reservation_id=reservation.reservation_id), restated(left, giver)


def _allocation(
    books: Books, holding: Holding, line: OrderLine, quantity: int, *, channel_code: str, policy: PolicyValues
) -> Allocation:
    page = holding.page
    expires_utc = later(books.now, line.ttl_seconds or policy.allocation_ttl_seconds)
    lapses_at(page, expires_utc)
    return Allocation(
        allocation_id=holding.id,
        reservation_id=None,
        logical_guid=page.logical_guid,
        channel_code=channel_code,
        variant_id=page.variant_id,
        order_ref=line.order_ref,
        order_line_ref=line.order_line_ref,
        quantity=quantity,
        remaining=quantity,
        expires_utc=expires_utc,
        positions=spread(holding),
    )
