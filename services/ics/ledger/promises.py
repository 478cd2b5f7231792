"""Where promises are stored, and the questions put to all of them: what an item's holders have, who is overdue, who
waits for units. Each says which index serves it."""

from collections.abc import Callable
from typing import Any

from chassis.clock import Utc
from chassis.entity import Document, Entity, index
from chassis.unit import View, between
from services.ics.ledger.balance import SHORTFALL
from services.ics.ledger.holder import HeldPosition
from services.ics.words import HolderType

_FIND_LIMIT = 1000
NEVER_EXPIRES = "~"
"""In `due`: holds units and never lapses. Sorts after every time."""


class Promise(Document):
    """What the ledger reads of a reservation, an allocation or a commit, which share a collection.

    `due` is when it lapses while it holds units (`NEVER_EXPIRES` for a commit), None once it holds none; `waits` is
    whether some of them are at the shortfall position, and `rank` whose turn it is then: 1 commits, 2 the others.
    """

    promise_id: str
    orgcode: str
    kind: HolderType
    logical_guid: str
    variant_id: str
    positions: list[HeldPosition]
    due: str | None
    waits: bool
    rank: int


PROMISES = Entity(
    "promise",
    Promise,
    collection="promises",
    id="promise_id",
    indexes=[
        index("logical_guid", "variant_id", "due"),
        index("waits", "logical_guid", "variant_id", "rank", "promise_id", where={"waits": True}),
    ],
    history=False,
    technical=True,
)


def promise_fields(kind: HolderType) -> dict[str, Callable[[Any], Any]]:
    """What a kind of promise stores beside its record, so that it is found together with the others."""

    def due(promise: Any) -> str | None:
        if not promise.positions:
            return None
        return NEVER_EXPIRES if kind == "commit" else str(promise.expires_utc)

    def waits(promise: Any) -> bool:
        return any(
            held.zone_id is None and held.lot_code is None and held.stage in {None, "open"}
            for held in promise.positions
        )

    return {"due": due, "waits": waits, "rank": lambda _: 1 if kind == "commit" else 2}


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
