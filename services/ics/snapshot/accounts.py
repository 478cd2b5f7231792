"""The accounts of an item as they stood at one of its entries: what is there now, less what was posted since. Pure."""

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
"""Counts of a cell that say that somebody holds units there, and the bucket those are in."""

_Units = tuple[Bucket, int, Mapping[str, Any]]
"""What a cell has of one bucket."""

_UNHELD = {bucket: BUCKETS.index(bucket) for bucket in UNHELD_BUCKETS}
"""The buckets whose units may be nobody's, and where they stand in account order."""

_NOBODY = (None, None, None)
"""Stage and holder of such units."""

_OUTSIDE_ORDER = EXTERNALS.index


def unheld(document: Mapping[str, Any]) -> Filled | None:
    """What the stored document of an item says of its accounts by itself; None where somebody holds some of its units,
    and has to be asked. Most items are nobody's, so this takes a fifth of what `Accounts` does."""
    if document["in_transit"]:
        return None
    found: list[_Units] = []
    for cell in document["cells"]:
        # A cell is stored without what is 0 or none.
        for count, units in cell.items():
            if count in HELD_COUNTS:
                return None
            if count in _UNHELD:
                found.append((count, units, cell))
    if len(found) > 1:
        found.sort(key=_unheld_order)
    variant_id, seq = document["variant_id"], document["seq"]
    rows = [
        Row(variant_id, count, cell.get("zone_id"), cell.get("bin_id"), cell.get("lot_code"), *_NOBODY, units, seq)
        for count, units, cell in found
    ]
    return Filled(rows, _shares(variant_id, document["externals"]))


def _unheld_order(found: _Units) -> tuple[int, str, str, str]:
    count, _, cell = found
    return _UNHELD[count], cell.get("zone_code") or "", cell.get("bin_code") or "", cell.get("lot_code") or ""


class Accounts:
    """An item's accounts, taken from its stored document; what its holders have is added to them."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.variant_id: str = document["variant_id"]
        self.seq: int = document["seq"]
        self.cells: Sequence[Mapping[str, Any]] = document["cells"]
        self.in_transit: int = document["in_transit"]
        self.stock: dict[Key, int] = {}
        self.outside: dict[External, int] = dict(document["externals"])
        self.held: set[Bucket] = {"in_transit"} if self.in_transit else set()
        for cell in self.cells:
            # A cell is stored without what is 0 or none.
            for count, units in cell.items():
                if count in UNHELD_BUCKETS:
                    place = (cell.get("zone_id"), cell.get("bin_id"), cell.get("lot_code"))
                    self.stock[Key(count, *place)] = units
                elif count in HELD_COUNTS:
                    self.held.add(HELD_COUNTS[count])

    def hold_positions(self, holder_type: HolderType, holder_id: str, positions: Iterable[HeldPosition]) -> None:
        """Add what a promise holds."""
        bucket = BUCKET_OF[holder_type]
        for each in positions:
            key = Key(bucket, each.zone_id, each.bin_id, each.lot_code, each.stage, holder_type, holder_id)
            self.stock[key] = self.stock.get(key, 0) + each.quantity

    def hold_parts(self, holder_type: HolderType, holder_id: str, parts: Parts) -> None:
        """Add what another holder has; its lines are one account."""
        bucket = BUCKET_OF[holder_type]
        for part, quantity in parts.items():
            key = Key(bucket, *part.spot, part.stage, holder_type, holder_id)
            self.stock[key] = self.stock.get(key, 0) + quantity

    def take_back(self, entries: Iterable[StockCardEntry], logical_guid: str) -> None:
        """Undo entries: those posted since the moment that is wanted."""
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
        """The codes the item knows of the places where it lies."""
        known: Codes = {}
        for cell in self.cells:
            if cell.get("zone_id"):
                known[cell["zone_id"]] = cell.get("zone_code") or ""
            if cell.get("bin_id"):
                known[cell["bin_id"]] = cell.get("bin_code") or ""
        return known

    def places(self) -> set[tuple[str, str | None]]:
        """Zones and bins that any of its accounts names."""
        return {(key.zone_id, key.bin_id) for key, units in self.stock.items() if units and key.zone_id is not None}

    def rows(self, seq: int, codes: Mapping[str, str]) -> list[Row]:
        """Its rows in account order, as of its entry `seq`; those of 0 left out."""
        keys = [key for key, units in self.stock.items() if units]
        if len(keys) > 1:
            keys.sort(key=lambda key: _account_order(key, codes))
        return [Row(self.variant_id, *key, self.stock[key], seq) for key in keys]

    def shares(self) -> list[Outside]:
        """Its shares in the accounts outside; those of 0 left out."""
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
