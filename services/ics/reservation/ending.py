"""Ends reservations and allocations, wholly or in part: released by a caller, or expired after their time."""

from typing import Any

from chassis.entity import Entity
from chassis.unit import Change
from services.ics.ledger.balance import Balance
from services.ics.remarks import remarked
from services.ics.reservation.expiring import ExpiringPromise, P, expire, release
from services.ics.stock.posting import LedgerPosting, posting
from services.ics.words import load_here

Ended = tuple[P, list[Balance]]
"""The promise after the change, and the balance of its item."""


async def release_promise(
    change: Change,
    entity: Entity[P],
    promise_id: str,
    revision: int | None,
    *,
    quantity: int | None,
    reason: str | None,
) -> Ended[P]:
    """Return units to available at their positions; `quantity` None: all that remain. Raises `InvalidState` if fewer
    remain."""
    promise = await load_here(change, entity, promise_id, revision)
    async with _posting_of(change, promise, reason) as p:
        item = await p.open(promise.variant_id)
        promise, units = release(p, item, promise, quantity)
        promise = remarked(promise, change.call, change.now, reason)
        promise = await change.update(entity, promise, reason)
        change.emit(f"ics.{promise.kind}.released", promise_id, **_named(promise), quantity=units)
        return promise, p.balances


async def expire_promise(change: Change, entity: Entity[P], promise_id: str, revision: int | None) -> Ended[P]:
    """Return all remaining units of an overdue promise to available. Raises `InvalidState` if it is not overdue."""
    promise = await load_here(change, entity, promise_id, revision)
    async with _posting_of(change, promise) as p:
        item = await p.open(promise.variant_id)
        promise = expire(p, item, promise)
        promise = await change.update(entity, promise)
        change.emit(f"ics.{promise.kind}.expired", promise_id, **_named(promise))
        return promise, p.balances


def _posting_of(change: Change, promise: ExpiringPromise, reason: str | None = None) -> LedgerPosting:
    """A posting for an operation on the promise, with its channel and order."""
    return posting(
        change,
        promise.kind,
        promise.promise_id,
        channel_code=promise.channel_code,
        order_ref=promise.for_order,
        reason=reason,
    )


def _named(promise: ExpiringPromise) -> dict[str, Any]:
    """The event body field of the promise: its kind is the name."""
    return {promise.kind: promise}
