"""Allocations: an order line's own units, reserved under its name. Pure."""

from typing import Literal

from msgspec.structs import replace

from chassis.clock import later
from chassis.entity import Record, Value
from chassis.errors import InvalidState
from chassis.values import Code, Guid, Id, Qty, Qty0, Text, Utc
from services.ics.ledger.balance import Page
from services.ics.ledger.books import Books
from services.ics.ledger.draw import ANYWHERE, Pin
from services.ics.ledger.holder import Holding, parts_of
from services.ics.ledger.lot import is_sellable
from services.ics.ledger.promise import give_back, pass_on, repin
from services.ics.policy.domain import PolicyValues
from services.ics.reservation.domain import (
    Positions,
    Reservation,
    draw_promise,
    lapses_at,
    spread,
)
from services.ics.reservation.domain import held_by as held_by_reservation
from services.ics.reservation.domain import restated as restated_reservation

Status = Literal["active", "committed", "released", "expired", "lost"]


class Allocation(Record, frozen=True, kw_only=True):
    """Units of an order line. quantity = remaining + committed + released + expired + lost."""

    allocation_id: Id
    reservation_id: Id | None
    logical_guid: Guid
    channel_code: Code
    variant_id: Guid
    order_ref: Text
    order_line_ref: Text | None
    quantity: Qty
    remaining: Qty0
    committed: Qty0 = 0
    released: Qty0 = 0
    expired: Qty0 = 0
    lost: Qty0 = 0
    status: Status = "active"
    expires_utc: Utc
    positions: Positions


class OrderLine(Value, frozen=True, kw_only=True):
    """What an allocation is for, and for how long (None: as the policy says)."""

    order_ref: str
    order_line_ref: str | None
    ttl_seconds: int | None
    pin: Pin = ANYWHERE


def status_of(allocation: Allocation) -> Status:
    """The first counter above 0 says what an allocation is."""
    counters: tuple[tuple[Status, int], ...] = (
        ("active", allocation.remaining),
        ("committed", allocation.committed),
        ("expired", allocation.expired),
        ("released", allocation.released),
    )
    return next((status for status, units in counters if units > 0), "lost")


def restated(allocation: Allocation, holding: Holding) -> Allocation:
    """The allocation with what it holds now, and the status that follows from its counters."""
    return replace(allocation, positions=spread(holding), status=status_of(allocation))


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
    _check_pin(books, holding.page, line.pin)
    draw_promise(books, "allocate", quantity, holding, limit=limit, pin=line.pin)
    return _allocation(books, holding, line, quantity, channel_code=channel_code, policy=policy)


def allocate_from(
    books: Books, reservation: Reservation, holding: Holding, line: OrderLine, quantity: int, *, policy: PolicyValues
) -> tuple[Allocation, Reservation]:
    """An allocation of a reservation's units, repinned first where a pin says where they must come from."""
    page = holding.page
    _check_pin(books, page, line.pin)
    giver = held_by_reservation(books, page, reservation)
    repin(books, quantity, giver, line.pin)
    pass_on(books, "allocate", quantity, giver, holding, pin=line.pin)
    allocation = _allocation(books, holding, line, quantity, channel_code=reservation.channel_code, policy=policy)
    left = replace(reservation, remaining=reservation.remaining - quantity, allocated=reservation.allocated + quantity)
    return replace(allocation, reservation_id=reservation.reservation_id), restated_reservation(left, giver)


def _check_pin(books: Books, page: Page, pin: Pin) -> None:
    if not is_sellable(page.lots, pin.lot_code, books.today):
        raise InvalidState(f"lot {pin.lot_code} is unsellable", status="unsellable")


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


def held_by(books: Books, page: Page, allocation: Allocation) -> Holding:
    """The allocation as a holder, kept by the call itself."""
    return books.own(page, "allocation", allocation.allocation_id, parts_of(allocation.positions))


def check_active(allocation: Allocation, quantity: int | None) -> int:
    """How many units are meant: those asked for, or all that remain."""
    if allocation.remaining == 0:
        raise InvalidState(f"the allocation is {allocation.status}", status=allocation.status)
    if quantity is not None and quantity > allocation.remaining:
        raise InvalidState(f"{allocation.remaining} units remain", status=allocation.status)
    return quantity or allocation.remaining


def check_usable(allocation: Allocation, quantity: int | None, now: Utc) -> int:
    """How many units pass on to a commit; an overdue allocation passes none on."""
    if allocation.remaining > 0 and allocation.expires_utc <= now:
        raise InvalidState("the allocation is overdue", status=allocation.status, expires_utc=allocation.expires_utc)
    return check_active(allocation, quantity)


def release(books: Books, page: Page, allocation: Allocation, quantity: int | None) -> tuple[Allocation, int]:
    """The allocation after units went back to available, and how many did."""
    units = check_active(allocation, quantity)
    holding = held_by(books, page, allocation)
    give_back(books, "release", units, holding)
    left = replace(allocation, remaining=allocation.remaining - units, released=allocation.released + units)
    return restated(left, holding), units


def expired(allocation: Allocation, units: int) -> Allocation:
    """The allocation after all it still had went back because its time was up."""
    left = replace(allocation, remaining=0, expired=allocation.expired + units, positions=[])
    return replace(left, status=status_of(left))


def expire(books: Books, page: Page, allocation: Allocation) -> Allocation:
    """The allocation after it has been expired by a caller; refused while its time is not up."""
    check_active(allocation, None)
    if allocation.expires_utc > books.now:
        raise InvalidState("expires_utc is still ahead", status=allocation.status, expires_utc=allocation.expires_utc)
    give_back(books, "expire", allocation.remaining, held_by(books, page, allocation))
    return expired(allocation, allocation.remaining)


def changed_in_passing(allocation: Allocation, holding: Holding) -> Allocation:
    """The allocation after others moved its units about, or lost some of them."""
    lost = holding.lost
    return restated(replace(allocation, remaining=allocation.remaining - lost, lost=allocation.lost + lost), holding)
