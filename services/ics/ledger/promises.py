"""Queries over all kinds of promises: of an item, overdue, waiting for units. Each names the index it uses."""

from chassis.clock import Utc
from chassis.unit import OneOf, View, between
from services.ics.ledger.store import PROMISES, Promise


async def promises_of(view: View, logical_guid: str, variant_id: str) -> list[Promise]:
    """All promises that hold units of an item, oldest first. Index: logical_guid, variant_id, due."""
    where = {"logical_guid": logical_guid, "variant_id": variant_id, "due": between(above="")}
    found = await view.find_all(PROMISES, where, order=("due",))
    return sorted(found, key=lambda promise: promise.promise_id)


async def holders_at(
    view: View,
    logical_guid: str,
    variant_id: str,
    holds: OneOf,
    limit: int,
    *,
    after: str | None = None,
    newest_first: bool = False,
) -> list[Promise]:
    """The first `limit` promises of an item, by id, that hold units under any of these keys; behind the id `after`.
    Index: logical_guid, variant_id, holds."""
    where = {"logical_guid": logical_guid, "variant_id": variant_id, "holds": holds}
    order = ("-promise_id",) if newest_first else ("promise_id",)
    return await view.find(PROMISES, where, order=order, limit=limit, after=None if after is None else (after,))


async def overdue_promises(view: View, logical_guid: str, variant_id: str, now: Utc) -> list[Promise]:
    """Reservations and allocations of an item that hold units and expired by `now`, the longest overdue first.
    Index: logical_guid, variant_id, due."""
    where = {"logical_guid": logical_guid, "variant_id": variant_id, "due": between(above="", at_most=now)}
    return await view.find_all(PROMISES, where, order=("due",))


async def overdue_anywhere(view: View, until: Utc, limit: int, after: tuple[str, str] | None) -> list[Promise]:
    """Promises of all orgs that were overdue at `until`, the longest overdue first, after a (due, id). Index: due."""
    where = {"due": between(above="", at_most=until)}
    return await view.every_org().find(PROMISES, where, order=("due",), limit=limit, after=after)


async def waiting_promises(view: View, logical_guid: str, variant_id: str, at_most: int) -> list[Promise]:
    """The first `at_most` promises with units at the shortfall position: commits first, then oldest first.
    Index: logical_guid, variant_id, queue."""
    where = {"logical_guid": logical_guid, "variant_id": variant_id, "queue": between(above="")}
    return await view.find(PROMISES, where, order=("queue",), limit=at_most)
