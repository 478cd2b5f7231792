"""An item open for posting: changed in memory by the entries of a call, stored once at the end."""

from collections import Counter
from collections.abc import Mapping

from msgspec.structs import replace

from chassis.clock import Utc
from services.ics.ledger.balance import (
    SHORTFALL,
    Balance,
    Buckets,
    Coming,
    Externals,
    Item,
    Landing,
    PositionKey,
    StockPosition,
)
from services.ics.ledger.lot import Lot
from services.ics.words import BUCKETS, STAGES, Bucket, External, Stage

TOTALS: tuple[str, ...] = tuple(
    total for bucket in BUCKETS for total in (STAGES if bucket == "committed" else (bucket,))
)
"""The totals an item stores: one a bucket, and committed by stage."""


def total_field(bucket: Bucket, stage: Stage | None) -> str:
    """The total of an item that units of this bucket and stage count in."""
    return stage if stage is not None else bucket


def position_field(bucket: Bucket, stage: Stage | None, held: bool) -> str | None:
    """The count of a cell that such units count in; None for those on the way, which have no place."""
    if bucket == "in_transit":
        return None
    if bucket == "quarantine" and held:
        return "inspection"
    return stage if stage is not None else bucket


class OpenItem:
    """An item open for posting: its cells and totals as they are after the entries made so far."""

    __slots__ = (
        "coming",
        "externals",
        "filling",
        "lapse_utc",
        "logical_guid",
        "lots",
        "more_waiting",
        "positions",
        "seq",
        "serialised",
        "stored",
        "totals",
        "variant_id",
    )

    def __init__(self, item: Item, lots: Mapping[str, Lot] | None = None) -> None:
        self.stored = item
        self.logical_guid = item.logical_guid
        self.variant_id = item.variant_id
        self.lots: dict[str, Lot] = dict(lots or {})
        self.positions: dict[PositionKey, StockPosition] = {position.key: position for position in item.cells}
        self.totals: dict[str, int] = {field: getattr(item, field) for field in TOTALS}
        self.seq = item.seq
        self.lapse_utc = item.lapse_utc
        self.serialised = item.serialised
        self.filling = False
        self.more_waiting = False
        self.externals: Counter[External] = Counter()
        self.coming = {each.lot_code: each.units for each in item.coming}

    def position(self, key: PositionKey) -> StockPosition:
        """The cell at a position; an empty one where nothing is booked."""
        known = self.positions.get(key)
        if known is not None:
            return known
        return StockPosition(zone_id=key.zone_id, bin_id=key.bin_id, lot_code=key.lot_code)

    def land(self, place: Landing, lot_code: str | None) -> PositionKey:
        """The position of a lot at a place, made known to the page so that units may be put there."""
        key = place.key(lot_code)
        if key not in self.positions:
            self.positions[key] = StockPosition(
                zone_id=place.zone_id,
                bin_id=place.bin_id,
                lot_code=lot_code,
                zone_code=place.zone_code,
                bin_code=place.bin_code,
                purpose=place.purpose,
                capped=place.capacity is not None,
            )
        return key

    def shift(self, bucket: Bucket, stage: Stage | None, held: bool, key: PositionKey, quantity: int) -> None:
        """Add units (or take them, below 0) to one account of the item."""
        self.totals[total_field(bucket, stage)] += quantity
        count = position_field(bucket, stage, held)
        if count is not None:
            position = self.position(key)
            assert position.purpose is not None or key.zone_id is None, key
            self.positions[key] = replace(position, **{count: getattr(position, count) + quantity})
        elif key.lot_code is not None:
            self.coming[key.lot_code] = self.coming.get(key.lot_code, 0) + quantity

    def outside(self) -> Externals:
        """The item's share in the accounts outside now."""
        before = self.stored.externals
        if not self.externals:
            return before
        return replace(before, **{name: getattr(before, name) + units for name, units in self.externals.items()})

    def total(self, bucket: Bucket) -> int:
        """The total of a bucket now."""
        if bucket == "committed":
            return self.totals["open"] + self.totals["picked"] + self.totals["packed"]
        return self.totals[bucket]

    def buckets(self) -> Buckets:
        """The seven totals now."""
        return Buckets(**{bucket: self.total(bucket) for bucket in BUCKETS})

    def balance(self) -> Balance:
        """The item as answers show it, after the entries made so far."""
        buckets = self.buckets()
        return Balance(
            logical_guid=self.logical_guid,
            variant_id=self.variant_id,
            buckets=buckets,
            on_hand=buckets.on_hand,
            seq=self.seq,
        )

    @property
    def shortfall(self) -> int:
        """Units promised beyond stock: how far available is below 0 at no place and no lot."""
        known = self.positions.get(SHORTFALL)
        return max(0, -known.available) if known is not None else 0

    def close(self, now: Utc) -> Item:
        """The item as it is to be kept."""
        totals = self.totals
        return replace(
            self.stored,
            seq=self.seq,
            recorded_utc=max(now, self.stored.recorded_utc) if self.seq > self.stored.seq else self.stored.recorded_utc,
            lapse_utc=self.lapse_utc,
            serialised=self.serialised,
            externals=self.outside(),
            coming=[Coming(lot_code=lot, units=units) for lot, units in self.coming.items() if units],
            cells=[position for position in self.positions.values() if not position.empty],
            **totals,
        )

    def totals_changed(self) -> bool:
        """Whether any bucket total differs from what it was when the page was opened."""
        stored, totals = self.stored, self.totals
        return (
            any(totals[bucket] != getattr(stored, bucket) for bucket in BUCKETS if bucket != "committed")
            or self.total("committed") != stored.committed
        )
