"""The accounts of an item as of one of its entries: the current balances without later entries. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from services.ics.ledger.entry import Account, StockCardEntry
from services.ics.ledger.holder import BUCKET_OF, HeldPosition, Parts
from services.ics.snapshot.domain import EXTERNALS, Filled, Outside, Row
from services.ics.words import BUCKETS, STAGES, UNHELD_BUCKETS, Bucket, External, HolderType, Stage


class Key(NamedTuple):
    """A stock account within an item."""

    bucket: Bucket
    zone_id: str | None = None
    bin_id: str | None = None
    lot_code: str | None = None
    stage: Stage | None = None
    held_by_type: HolderType | None = None
    held_by_id: str | None = None


Codes = dict[str, str]
"""Codes of zones and bins, by id."""

HELD_COUNTS: Mapping[str, Bucket] = {
    "reserved": "reserved",
    "open": "committed",
    "picked": "committed",
    "packed": "committed",
    "inspection": "quarantine",
    "consignment": "consignment",
}
"""Fields of a stored position that count held units, and the bucket of those units."""

_Units = tuple[Bucket, int, Mapping[str, Any]]
"""A bucket, its units in a stored position, and that position."""

_UNHELD = {bucket: BUCKETS.index(bucket) for bucket in UNHELD_BUCKETS}
"""The buckets whose units can be without a holder, and their rank in account order."""

_NOBODY = (None, None, None)
"""Stage and holder of units without a holder."""

_OUTSIDE_ORDER = EXTERNALS.index


def unheld(document: Mapping[str, Any]) -> Filled | None:
    """The rows of an item, from its stored document alone; None if any unit has a holder, which must be read."""
    # A fast path: most items have no holders, and this takes a fifth of the time of `Accounts`.
    if document["in_transit"]:
        return None
    found: list[_Units] = []
    for position in document["cells"]:
        # A position is stored without the fields that are 0 or None.
        for count, units in position.items():
            if count in HELD_COUNTS:
                return None
            if count in _UNHELD:
                found.append((count, units, position))
    if len(found) > 1:
        found.sort(key=_unheld_order)
    variant_id, seq = document["variant_id"], document["seq"]
    rows = [
        Row(variant_id, count, each.get("zone_id"), each.get("bin_id"), each.get("lot_code"), *_NOBODY, units, seq)
        for count, units, each in found
    ]
    return Filled(rows, _shares(variant_id, document["externals"]))


def _unheld_order(found: _Units) -> tuple[int, str, str, str]:
    count, _, position = found
    return (
        _UNHELD[count],
        position.get("zone_code") or "",
        position.get("bin_code") or "",
        position.get("lot_code") or "",
    )


class Accounts:
    """The accounts of an item, made from its stored document. The units of its holders are added with `hold_…`."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.variant_id: str = document["variant_id"]
        self.seq: int = document["seq"]
        self.cells: Sequence[Mapping[str, Any]] = document["cells"]
        self.in_transit: int = document["in_transit"]
        self.stock: dict[Key, int] = {}
        self.outside: dict[External, int] = dict(document["externals"])
        self.held: set[Bucket] = {"in_transit"} if self.in_transit else set()
        for position in self.cells:
            # A position is stored without the fields that are 0 or None.
            for count, units in position.items():
                if count in UNHELD_BUCKETS:
                    place = (position.get("zone_id"), position.get("bin_id"), position.get("lot_code"))
                    self.stock[Key(count, *place)] = units
                elif count in HELD_COUNTS:
                    self.held.add(HELD_COUNTS[count])

    def hold_positions(self, holder_type: HolderType, holder_id: str, positions: Iterable[HeldPosition]) -> None:
        """Add the units that a promise holds."""
        bucket = BUCKET_OF[holder_type]
        for each in positions:
            key = Key(bucket, each.zone_id, each.bin_id, each.lot_code, each.stage, holder_type, holder_id)
            self.stock[key] = self.stock.get(key, 0) + each.quantity

    def hold_parts(self, holder_type: HolderType, holder_id: str, parts: Parts) -> None:
        """Add the units of any other holder. All its lines count as one account."""
        bucket = BUCKET_OF[holder_type]
        for part, quantity in parts.items():
            key = Key(bucket, *part.key, part.stage, holder_type, holder_id)
            self.stock[key] = self.stock.get(key, 0) + quantity

    def take_back(self, entries: Iterable[StockCardEntry], logical_guid: str) -> None:
        """Undo the entries posted after the wanted moment."""
        for entry in entries:
            self._undo(entry.from_account, logical_guid, entry.quantity)
            self._undo(entry.to_account, logical_guid, -entry.quantity)

    def _undo(self, side: Account, logical_guid: str, quantity: int) -> None:
        if side.external is not None:
            self.outside[side.external] = self.outside.get(side.external, 0) + quantity
        elif side.logical_guid == logical_guid:
            assert side.bucket is not None
            place = (side.zone_id, side.bin_id, side.lot_code)
            key = Key(side.bucket, *place, side.stage, side.held_by_type, side.held_by_id)
            self.stock[key] = self.stock.get(key, 0) + quantity

    def codes(self) -> Codes:
        """Codes of the zones and bins in the item's current positions, by id."""
        known: Codes = {}
        for position in self.cells:
            if position.get("zone_id"):
                known[position["zone_id"]] = position.get("zone_code") or ""
            if position.get("bin_id"):
                known[position["bin_id"]] = position.get("bin_code") or ""
        return known

    def places(self) -> set[tuple[str, str | None]]:
        """The (zone, bin) pairs of all accounts with units in a place."""
        return {(key.zone_id, key.bin_id) for key, units in self.stock.items() if units and key.zone_id is not None}

    def rows(self, seq: int, codes: Mapping[str, str]) -> list[Row]:
        """The rows in account order, as of the item's entry `seq`; accounts without units are left out."""
        keys = [key for key, units in self.stock.items() if units]
        if len(keys) > 1:
            keys.sort(key=lambda key: _account_order(key, codes))
        return [Row(self.variant_id, *key, self.stock[key], seq) for key in keys]

    def shares(self) -> list[Outside]:
        """The item's shares of the external accounts; shares of 0 are left out."""
        return _shares(self.variant_id, self.outside)


def _shares(variant_id: str, outside: Mapping[External, int]) -> list[Outside]:
    return [Outside(variant_id, name, outside[name]) for name in sorted(outside, key=_OUTSIDE_ORDER) if outside[name]]


def _account_order(key: Key, codes: Mapping[str, str]) -> tuple[Any, ...]:
    return (
        BUCKETS.index(key.bucket),
        codes.get(key.zone_id or "", ""),
        codes.get(key.bin_id or "", ""),
        key.lot_code or "",
        STAGES.index(key.stage) + 1 if key.stage else 0,
        key.held_by_id or "",
    )
