"""Items open for posting: changed in memory by the entries of a call, and stored once at its end."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

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
from services.ics.ledger.naming import NamedUnit, SerialAccount
from services.ics.words import BUCKETS, STAGES, Bucket, External, Stage

TOTALS: tuple[str, ...] = tuple(
    total for bucket in BUCKETS for total in (STAGES if bucket == "committed" else (bucket,))
)
"""The total fields of an item: one for each bucket, and committed by stage."""


def total_field(bucket: Bucket, stage: Stage | None) -> str:
    """The total field of an item that counts units of this bucket and stage."""
    return stage if stage is not None else bucket


def position_field(bucket: Bucket, stage: Stage | None, held: bool) -> str | None:
    """The field of `StockPosition` that counts such units; None for in_transit, which has no place."""
    if bucket == "in_transit":
        return None
    if bucket == "quarantine" and held:
        return "inspection"
    return stage if stage is not None else bucket


class OpenItem:
    """An item open for posting: positions and totals after the entries made so far.

    stored        the item as it was read
    filling       whether a fill is running; it must not start another
    more_waiting  whether more holders wait for units than one transaction may fill
    """

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
        self.positions: dict[PositionKey, StockPosition] = dict(item.positions)
        self.totals: dict[str, int] = {field: getattr(item, field) for field in TOTALS}
        self.seq = item.seq
        self.lapse_utc = item.lapse_utc
        self.serialised = item.serialised
        self.filling = False
        self.more_waiting = False
        self.externals: Counter[External] = Counter()
        self.coming = {each.lot_code: each.units for each in item.coming}

    def position(self, key: PositionKey) -> StockPosition:
        """The position with this key; an empty one if there is none."""
        known = self.positions.get(key)
        if known is not None:
            return known
        return StockPosition(zone_id=key.zone_id, bin_id=key.bin_id, lot_code=key.lot_code)

    def land(self, place: Landing, lot_code: str | None) -> PositionKey:
        """The key of a lot's position at a place; adds the position if it is missing, and gives it the place's present
        purpose."""
        key = place.key(lot_code)
        known = self.positions.get(key)
        if known is not None and known.purpose != place.purpose:
            self.positions[key] = replace(known, purpose=place.purpose)
        if known is None:
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
        """Add `quantity` units to one account of the item; a negative quantity takes them. `held`: the account has a
        holder."""
        self.totals[total_field(bucket, stage)] += quantity
        count = position_field(bucket, stage, held)
        if count is not None:
            position = self.position(key)
            assert position.purpose is not None or key.zone_id is None, key
            self.positions[key] = replace(position, **{count: getattr(position, count) + quantity})
        elif key.lot_code is not None:
            self.coming[key.lot_code] = self.coming.get(key.lot_code, 0) + quantity

    def mark(self, account: SerialAccount, unit: NamedUnit, change: int) -> None:
        """Count a serial that came to an account of the item (`change` 1) or left it (-1). Units of a holder are not
        counted: their records name the holder."""
        if account.counter is None:
            return
        before = self.position(account.key)
        counts: dict[str, Any] = {account.counter: getattr(before, account.counter) + change}
        if account.state == "shelf" and unit.blocked:
            counts["blocked"] = before.blocked + change
        elif account.state == "shelf" and unit.expiry_date is not None:
            dated = before.dated | {unit.expiry_date: before.dated.get(unit.expiry_date, 0) + change}
            counts["dated"] = {day: units for day, units in dated.items() if units}
        after = replace(before, **counts)
        assert min(getattr(after, account.counter), after.blocked, *after.dated.values(), 0) == 0, (account, unit)
        self.positions[account.key] = after

    def outside(self) -> Externals:
        """The item's share of the external accounts."""
        before = self.stored.externals
        if not self.externals:
            return before
        return replace(before, **{name: getattr(before, name) + units for name, units in self.externals.items()})

    def total(self, bucket: Bucket) -> int:
        """The total of a bucket, in units."""
        if bucket == "committed":
            return self.totals["open"] + self.totals["picked"] + self.totals["packed"]
        return self.totals[bucket]

    def buckets(self) -> Buckets:
        """The seven totals."""
        return Buckets(**{bucket: self.total(bucket) for bucket in BUCKETS})

    def balance(self) -> Balance:
        """The balance that answers contain, after the entries made so far."""
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
        """Units promised beyond stock: how far available is below 0 at `SHORTFALL`; 0 if it is not."""
        known = self.positions.get(SHORTFALL)
        return max(0, -known.available) if known is not None else 0

    def close(self, now: Utc) -> Item:
        """The item to store; `now` becomes its `recorded_utc` if there are new entries. Omits the positions that are
        `gone` since it was read."""
        totals, before = self.totals, self.stored.positions
        return replace(
            self.stored,
            seq=self.seq,
            recorded_utc=max(now, self.stored.recorded_utc) if self.seq > self.stored.seq else self.stored.recorded_utc,
            lapse_utc=self.lapse_utc,
            serialised=self.serialised,
            externals=self.outside(),
            coming=[Coming(lot_code=lot, units=units) for lot, units in self.coming.items() if units],
            cells=[
                position for key, position in self.positions.items() if position is before.get(key) or not position.gone
            ],
            **totals,
        )

    def totals_changed(self) -> bool:
        """Whether any bucket total differs from the stored item."""
        stored, totals = self.stored, self.totals
        return (
            any(totals[bucket] != getattr(stored, bucket) for bucket in BUCKETS if bucket != "committed")
            or self.total("committed") != stored.committed
        )
