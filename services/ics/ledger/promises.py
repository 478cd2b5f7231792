"""The questions put to all promises: what an item's holders have, who is overdue, who waits for units. Each says which
index serves it."""

from chassis.clock import Utc
from chassis.unit import View, between
from services.ics.ledger.store import NEVER_EXPIRES, PROMISES, Promise


async def promises_of(view: View, logical_guid: str, variant_id: str, at_most: int | None = None) -> list[Promise]:
    """Every promise that holds units of an item (or so many of them, those that lapse first), by id: oldest first.
    Index: logical_guid, variant_id, due."""
    where = {"logical_guid": logical_guid, "variant_id": variant_id, "due": between(above="")}
    found = await view.find_all(PROMISES, where, order=("due",), at_most=at_most)
    return sorted(found, key=lambda promise: promise.promise_id)


async def overdue_promises(
    view: View, logical_guid: str, variant_id: str, now: Utc, at_most: int | None = None
) -> list[Promise]:
    """Reservations and allocations of an item whose time is up and that still hold units (or the first `at_most` of
    them), the longest overdue first. Index: logical_guid, variant_id, due."""
    where = {"logical_guid": logical_guid, "variant_id": variant_id, "due": between(above="", at_most=now)}
    return await view.find_all(PROMISES, where, order=("due",), at_most=at_most)


async def overdue_anywhere(view: View, until: Utc, limit: int, after: tuple[str, str] | None) -> list[Promise]:
    """Promises of every org that were overdue by `until`, the longest overdue first, behind a (due, id). Index: due."""
    where = {"due": between(above="", at_most=until)}
    return await view.every_org().find(PROMISES, where, order=("due",), limit=limit, after=after)


async def next_expiry(view: View, logical_guid: str, variant_id: str, now: Utc) -> Utc | None:
    """When the next promise of an item lapses that has not lapsed by `now`. Index: logical_guid, variant_id, due."""
    found = await view.find(
        PROMISES,
        {"logical_guid": logical_guid, "variant_id": variant_id, "due": between(above=now, below=NEVER_EXPIRES)},
        order=("due",),
        limit=1,
    )
    return Utc(found[0].due) if found and found[0].due else None


async def waiting_promises(view: View, logical_guid: str, variant_id: str, at_most: int) -> list[Promise]:
    """The first `at_most` of those who hold at the shortfall position: commits first, then oldest first.
    Index: logical_guid, variant_id, queue."""
    where = {"logical_guid": logical_guid, "variant_id": variant_id, "queue": between(above="")}
    return await view.find(PROMISES, where, order=("queue",), limit=at_most)
