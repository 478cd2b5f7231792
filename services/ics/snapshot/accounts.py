"""The accounts of an item as they stood at one of its entries: what is there now, less what was posted since. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from services.ics.ledger.entry import Account, StockCardEntry
from services.ics.ledger.holder import BUCKET_OF, HeldPosition, Parts
from services.ics.snapshot.domain import EXTERNALS, Outside, Row
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


class Accounts:
    """An item's accounts, taken from its stored document."""

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
        return [Outside(self.variant_id, name, self.outside[name]) for name in EXTERNALS if self.outside.get(name)]


def _account_order(key: Key, codes: Mapping[str, str]) -> tuple[Any, ...]:
    return (
        BUCKETS.index(key.bucket),
        codes.get(key.zone_id or "", ""),
        codes.get(key.bin_id or "", ""),
        key.lot_code or "",
        STAGES.index(key.stage) + 1 if key.stage else 0,
        key.held_by_id or "",
    )
