"""The questions put to all promises: what an item's holders have, who is overdue, who waits for units. Each says which
index serves it."""

from chassis.clock import Utc
from chassis.unit import View, between
from services.ics.ledger.balance import SHORTFALL
from services.ics.ledger.store import NEVER_EXPIRES, PROMISES, Promise

_FIND_LIMIT = 1000


async def promises_of(view: View, logical_guid: str, variant_id: str, at_most: int | None = None) -> list[Promise]:
    """Every promise that holds units of an item (or so many of them, those that lapse first), by id: oldest first.
    Index: logical_guid, variant_id, due."""
    where = {"logical_guid": logical_guid, "variant_id": variant_id, "due": between(above="")}
    found = await view.find_all(PROMISES, where, order=("due",), at_most=at_most)
    return sorted(found, key=lambda promise: promise.promise_id)


async def overdue_promises(view: View, logical_guid: str, variant_id: str, now: Utc) -> list[Promise]:
    """Reservations and allocations of an item whose time is up and that still hold units, the longest overdue first;
    all of them, since the next promise may have what any of them holds. Index: logical_guid, variant_id, due."""
    where = {"logical_guid": logical_guid, "variant_id": variant_id, "due": between(above="", at_most=now)}
    return await view.find_all(PROMISES, where, order=("due",))


async def next_expiry(view: View, logical_guid: str, variant_id: str, now: Utc) -> Utc | None:
    """When the next promise of an item lapses that has not lapsed by `now`. Index: logical_guid, variant_id, due."""
    found = await view.find(
        PROMISES,
        {"logical_guid": logical_guid, "variant_id": variant_id, "due": between(above=now, below=NEVER_EXPIRES)},
        order=("due",),
        limit=1,
    )
    return Utc(found[0].due) if found and found[0].due else None


async def waiting_promises(view: View, logical_guid: str, variant_id: str, units: int) -> list[Promise]:
    """Those who hold at the shortfall position, commits first, then oldest first; enough of them to take so many
    units. Index: waits, logical_guid, variant_id, rank, promise_id."""
    found: list[Promise] = []
    for rank in (1, 2):
        if units > 0:
            where = {"logical_guid": logical_guid, "variant_id": variant_id, "rank": rank, "waits": True}
            each = await view.find(PROMISES, where, order=("promise_id",), limit=min(units, _FIND_LIMIT))
            units -= sum(_units_waiting(promise) for promise in each)
            found += each
    return found


def _units_waiting(promise: Promise) -> int:
    return sum(held.quantity for held in promise.positions if held.spot == SHORTFALL)
