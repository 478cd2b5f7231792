"""The life of a unit or lot, derived from its ledger entries: its places, milestones and documents. Pure.

The milestones of a single unit are those since it last came in; earlier ones are only in its history. For a lot, they
are the first receipt of any of its units and the last departure.
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
    """A facility that has the unit or units of the lot, or to which they are in transit."""

    logical_guid: Guid
    buckets: Buckets


class SerialDocument(Value):
    """A document for which entries of the unit or lot were written, and the time of the first one (UTC)."""

    document_type: DocumentType
    document_id: Id
    first_utc: Utc


class SerialLife(Value):
    """Everything known about a unit or lot. `history` has the last 1000 entries, oldest first. Times are UTC."""

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
    """The entries with which a unit or lot came in, became available, was shipped, and left the facilities."""

    came_in: StockCardEntry | None = None
    accepted: StockCardEntry | None = None
    shipped: StockCardEntry | None = None
    left: StockCardEntry | None = None


def milestones(unit: SerialUnit, entries: Iterable[StockCardEntry]) -> Milestones:
    """The milestones among the entries of a unit or lot. `entries` must be oldest first."""
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
    """Days from coming in to leaving, or to now, with four decimal places; None if it never came in."""
    if found.came_in is None:
        return None
    end = found.left.recorded_utc if found.left is not None else now
    millis = max(0, to_millis(end) - to_millis(found.came_in.recorded_utc))
    return ratio(millis, _DAY_MILLIS)


def documents_of(entries: Iterable[StockCardEntry]) -> list[SerialDocument]:
    """The documents of these entries (oldest first), in order of first appearance."""
    found: dict[tuple[DocumentType, str], Utc] = {}
    for entry in entries:
        found.setdefault((entry.document_type, entry.document_id), entry.recorded_utc)
    return [SerialDocument(document_type=kind, document_id=one, first_utc=at) for (kind, one), at in found.items()]


def place_of_unit(last: StockCardEntry | None) -> list[SerialPlace]:
    """The place of a single unit, from its last entry; empty if it has left or has not come in yet."""
    if last is None or last.to_account.logical_guid is None or last.to_account.bucket is None:
        return []
    return [_place(last.to_account.logical_guid, {last.to_account.bucket: 1})]


def places_of_lot(counts: Mapping[str, Mapping[Bucket, int]]) -> list[SerialPlace]:
    """The places of a lot's units, by facility. `counts` has the units by facility and bucket. At most 200."""
    placed = [_place(facility, counts[facility]) for facility in sorted(counts) if any(counts[facility].values())]
    return placed[:PLACES_MAX]


def _place(facility: str, units: Mapping[Bucket, int]) -> SerialPlace:
    return SerialPlace(logical_guid=facility, buckets=Buckets(**{str(bucket): many for bucket, many in units.items()}))


def in_order(entries: Iterable[StockCardEntry]) -> list[StockCardEntry]:
    """Entries by time, oldest first."""
    # Not by id: a call that had to wait may have drawn its ids before an earlier entry was recorded.
    return sorted(entries, key=lambda entry: (entry.recorded_utc, entry.entry_id))
