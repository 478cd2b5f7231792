"""Reads an order: all that names it, at one moment. Each query names the index it uses."""

from collections.abc import Mapping
from typing import Any, TypeVar

from chassis.entity import Document, Entity
from chassis.unit import SnapshotReader
from services.ics.allocation.store import ALLOCATIONS
from services.ics.allocation.store import FILTERS as ALLOCATION_FILTERS
from services.ics.commit.store import COMMITS
from services.ics.commit.store import FILTERS as COMMIT_FILTERS
from services.ics.keyed import KEYS, KeyedFilters
from services.ics.ledger.lookup import order_key
from services.ics.ledger.store import ENTRIES
from services.ics.order.domain import (
    ALLOCATIONS_MAX,
    COMMITS_MAX,
    ENTRIES_MAX,
    RESERVATIONS_MAX,
    Found,
    OrderLines,
    OrderParts,
    order_of,
)
from services.ics.reservation.domain import Reservation
from services.ics.reservation.store import FILTERS as RESERVATION_FILTERS
from services.ics.reservation.store import RESERVATIONS

R = TypeVar("R", bound=Document)


async def order_in(reader: SnapshotReader, order_ref: str) -> OrderParts:
    """The order; with empty lists if nothing names it. Index: keys; refs."""
    lines = OrderLines()
    named = await _promises(
        reader, RESERVATIONS, RESERVATION_FILTERS, {"demand_ref": order_ref}, RESERVATIONS_MAX, lines
    )
    ordered = {"order_ref": order_ref}
    allocations = await _promises(reader, ALLOCATIONS, ALLOCATION_FILTERS, ordered, ALLOCATIONS_MAX, lines)
    commits = await _promises(reader, COMMITS, COMMIT_FILTERS, ordered, COMMITS_MAX, lines)
    entries = await reader.find(ENTRIES, {"refs": order_key(order_ref)}, order=("entry_id",), limit=ENTRIES_MAX + 1)
    origins = {each.reservation_id for each in allocations} | {each.reservation_id for each in commits}
    reservations = await _with_origins(reader, named, origins)
    return order_of(order_ref, Found(reservations, allocations, commits, entries), lines.lines())


async def _promises(
    reader: SnapshotReader,
    entity: Entity[R],
    filters: KeyedFilters,
    wanted: Mapping[str, Any],
    shown_max: int,
    lines: OrderLines,
) -> list[R]:
    """The oldest promises of an order, one more than is shown; all of them are added to the lines."""
    where = {KEYS: filters.choose(wanted).key}
    found = await reader.find(entity, where, order=(entity.id,), limit=shown_max + 1)
    lines.add(found)
    part = found
    while len(part) > shown_max:
        after = (entity.id_of(part[-1]),)
        part = await reader.find(entity, where, order=(entity.id,), limit=shown_max + 1, after=after)
        lines.add(part)
    return found


async def _with_origins(
    reader: SnapshotReader, named: list[Reservation], origins: set[str | None]
) -> list[Reservation]:
    """The reservations of an order and those its promises came from, oldest first. By id."""
    known = {reservation.reservation_id: reservation for reservation in named}
    missing = sorted(origin for origin in origins if origin is not None and origin not in known)
    known |= await reader.get_many(RESERVATIONS, missing[: RESERVATIONS_MAX + 1])
    return [known[reservation_id] for reservation_id in sorted(known)][: RESERVATIONS_MAX + 1]
