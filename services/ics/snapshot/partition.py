"""Packs the items of a snapshot, 1,000 a part, so at most one unpacked part is in memory. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, NamedTuple

from chassis.clock import Utc
from chassis.unit import Where, between
from services.ics.ledger.lookup import EVERYTHING
from services.ics.snapshot.domain import Cut, Filled, Outside, Row, SnapshotPart, described, pack, part_id

PART_ITEMS = 1000
"""Items in a part."""


class ItemPlace(NamedTuple):
    """The sort key of an item in a snapshot."""

    logical_guid: str
    variant_id: str


class Moment(NamedTuple):
    """All items of a snapshot at one moment, in parts."""

    taken_utc: Utc
    parts: list[SnapshotPart]


_PLACE = itemgetter(*ItemPlace._fields)


def place_of(document: Mapping[str, Any]) -> ItemPlace:
    """The sort key of a stored item."""
    return ItemPlace(*_PLACE(document))


def in_order(documents: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Stored items in snapshot order: by facility and variant."""
    return sorted(documents, key=_PLACE)


def ranges(places: Sequence[ItemPlace], logical_guid: str | None) -> list[Where]:
    """Queries that together return every item of a facility, or of all (None), exactly once and in order.

    Each query covers the range from one of `places` to the next. Ranges between and after the known facilities are
    included, so that items created after `places` were read are found as well.
    """
    if logical_guid is not None:
        return _within(logical_guid, [variant_id for _, variant_id in places])
    found: list[Where] = []
    before: str | None = None
    for facility, group in groupby(places, itemgetter(0)):
        found.append({"spots": EVERYTHING, "logical_guid": between(above=before, below=facility)})
        found += _within(facility, [variant_id for _, variant_id in group])
        before = facility
    beyond: Where = {"logical_guid": between(above=before)} if before is not None else {}
    return [*found, {"spots": EVERYTHING, **beyond}]


def _within(facility: str, variant_ids: Sequence[str]) -> list[Where]:
    edges = [None, *variant_ids, None]
    return [
        {"spots": EVERYTHING, "logical_guid": facility}
        | ({"variant_id": between(at_least=start, below=end)} if start is not None or end is not None else {})
        for start, end in pairwise(edges)
    ]


class Partitioner:
    """Collects the stored items of a snapshot, added in order, into parts."""

    def __init__(self, orgcode: str, snapshot_id: str, now: Utc) -> None:
        self._orgcode = orgcode
        self._snapshot_id = snapshot_id
        self._taken: str = now
        self._parts: list[SnapshotPart] = []
        self._last = ItemPlace("", "")
        self._items = 0
        self._left: list[Cut] = []
        self._rows: list[Row] = []
        self._outside: list[Outside] = []

    def add(self, document: Mapping[str, Any], filled: Filled | None) -> None:
        """Add the next item, with its rows, or as still to be read (None). An item without entries is skipped."""
        place = place_of(document)
        assert place > self._last, (self._last, place)
        seq = document["seq"]
        if not seq:
            return
        if self._items >= PART_ITEMS or place.logical_guid != self._last.logical_guid:
            self._close()
        self._last = place
        self._items += 1
        self._taken = max(self._taken, document["recorded_utc"])
        if filled is None:
            self._left.append(Cut(place.variant_id, seq))
            return
        self._rows += filled.rows
        self._outside += filled.outside

    def moment(self) -> Moment:
        """All items added so far, in parts."""
        self._close()
        return Moment(Utc(self._taken), self._parts)

    def _close(self) -> None:
        """Make a part of the items added since the last part."""
        if not self._items:
            return
        number, logical_guid = len(self._parts), self._last.logical_guid
        part = SnapshotPart(
            part_id=part_id(self._snapshot_id, number),
            orgcode=self._orgcode,
            snapshot_id=self._snapshot_id,
            number=number,
            logical_guid=logical_guid,
            cuts=pack(self._left) or None,
            rows=pack(self._rows),
            outside=pack(self._outside),
            entry=None if self._left else described(number, logical_guid, self._rows),
        )
        self._parts.append(part)
        self._items = 0
        self._left, self._rows, self._outside = [], [], []
