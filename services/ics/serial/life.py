"""A unit's or lot's life as its entries tell it: where it is, what happened when, and for which documents. Pure.

A single unit's milestones are those of its last stay: what it went through before it came back is in its history. Of a
lot they are the first of its units' coming in, and the last of their going out.
"""

from collections.abc import Iterable, Mapping
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from chassis.clock import Utc, to_millis
from chassis.entity import Value
from chassis.values import Guid, Id, Text
from services.ics.comment.domain import Comment
from services.ics.decimals import ratio
from services.ics.ledger.balance import Buckets
from services.ics.ledger.entry import StockCardEntry
from services.ics.serial.domain import SerialUnit
from services.ics.words import Bucket, DocumentType

PLACES_MAX = 200
DOCUMENTS_MAX = 1000
HISTORY_MAX = 1000
COMMENTS_MAX = 100

_DAY_MILLIS = 86_400_000


class SerialPlace(Value):
    """A facility where the unit, or units of the lot, are (or are on the way to)."""

    logical_guid: Guid
    buckets: Buckets


class SerialDocument(Value):
    """What entries were written for, and when the first of them was."""

    document_type: DocumentType
    document_id: Id
    first_utc: Utc


class SerialLife(Value):
    """All that is known of a unit or lot. `history` ends where it is; it has the last 1000 entries."""

    registered_utc: Utc
    received_utc: Utc | None
    source_ref: Text | None
    accepted_utc: Utc | None
    shipped_utc: Utc | None
    order_ref: Text | None
    days_in_stock: str | None
    places: Annotated[list[SerialPlace], Meta(max_length=PLACES_MAX)]
    documents: Annotated[list[SerialDocument], Meta(max_length=DOCUMENTS_MAX)]
    history: Annotated[list[StockCardEntry], Meta(max_length=HISTORY_MAX)]
    comments: Annotated[list[Comment], Meta(max_length=COMMENTS_MAX)]


class Milestones(Value):
    """The entries that brought a unit or lot in, made it available, shipped it, and took it out of the house."""

    came_in: StockCardEntry | None = None
    accepted: StockCardEntry | None = None
    shipped: StockCardEntry | None = None
    left: StockCardEntry | None = None


def milestones(unit: SerialUnit, entries: Iterable[StockCardEntry]) -> Milestones:
    """The milestones among its entries, which come oldest first."""
    found = Milestones()
    for entry in entries:
        if entry.from_account.external is not None and (unit.kind == "serial" or found.came_in is None):
            found = Milestones(came_in=entry)
        if entry.to_account.bucket == "available" and found.accepted is None:
            found = replace(found, accepted=entry)
        if entry.to_account.external is not None:
            found = replace(found, left=entry)
            if entry.kind == "ship":
                found = replace(found, shipped=entry)
    return found if unit.kind == "serial" or unit.on_hand == 0 else replace(found, left=None)


def days_in_stock(found: Milestones, now: Utc) -> str | None:
    """Days from coming in to going out, or to now, to four places; None for what never came in."""
    if found.came_in is None:
        return None
    end = found.left.recorded_utc if found.left is not None else now
    millis = max(0, to_millis(end) - to_millis(found.came_in.recorded_utc))
    return ratio(millis, _DAY_MILLIS)


def documents_of(entries: Iterable[StockCardEntry]) -> list[SerialDocument]:
    """The documents the entries (oldest first) were written for, in the order they first appear."""
    found: dict[tuple[DocumentType, str], Utc] = {}
    for entry in entries:
        found.setdefault((entry.document_type, entry.document_id), entry.recorded_utc)
    return [SerialDocument(document_type=kind, document_id=one, first_utc=at) for (kind, one), at in found.items()]


def place_of_unit(last: StockCardEntry | None) -> list[SerialPlace]:
    """Where a single unit is: where its last entry put it. Nowhere once it left, or before it came."""
    if last is None or last.to_account.logical_guid is None or last.to_account.bucket is None:
        return []
    return [_place(last.to_account.logical_guid, {last.to_account.bucket: 1})]


def places_of_lot(counts: Mapping[str, Mapping[Bucket, int]]) -> list[SerialPlace]:
    """Where a lot's units are, by facility, from how many there are in each bucket."""
    placed = [_place(facility, counts[facility]) for facility in sorted(counts) if any(counts[facility].values())]
    return placed[:PLACES_MAX]


def _place(facility: str, units: Mapping[Bucket, int]) -> SerialPlace:
    return SerialPlace(logical_guid=facility, buckets=Buckets(**{str(bucket): many for bucket, many in units.items()}))


def in_order(entries: Iterable[StockCardEntry]) -> list[StockCardEntry]:
    """Entries oldest first. Their time decides: a call that had to wait its turn may have got its ids before."""
    return sorted(entries, key=lambda entry: (entry.recorded_utc, entry.entry_id))
