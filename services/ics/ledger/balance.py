"""Items and their cells: how many units of a variant lie where in a facility, and how an entry changes that.

An item keeps its seven bucket totals and one cell a place and lot. A cell counts all holders together; who holds what
is in the holders' own records. `OpenItem` is an item while a call works on it: changed freely, kept only at the end.
"""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from msgspec import field
from msgspec.structs import replace

from chassis.clock import Utc
from chassis.entity import Record, Value
from services.ics.ledger.lot import Lot
from services.ics.words import BUCKETS, Bucket, External, Stage


class PositionKey(NamedTuple):
    """A position within an item: a place and a lot."""

    zone_id: str | None = None
    bin_id: str | None = None
    lot_code: str | None = None


SHORTFALL = PositionKey()
"""No place and no lot: the one position whose available units may fall below zero."""


class Landing(Value):
    """Where units are put: what the ledger needs to know of a zone and a bin. The defaults are no place at all."""

    zone_id: str | None = None
    bin_id: str | None = None
    zone_code: str | None = None
    bin_code: str | None = None
    purpose: str | None = None
    capacity: int | None = None

    def spot(self, lot_code: str | None) -> PositionKey:
        """The position of a lot at this place."""
        return PositionKey(self.zone_id, self.bin_id, lot_code)


NO_LANDING = Landing()


class StockPosition(Value, omit_defaults=True):
    """Units at one place and of one lot; `quarantine` counts those no one holds, `inspection` those of receipts."""

    zone_id: str | None = None
    bin_id: str | None = None
    lot_code: str | None = None
    zone_code: str | None = None
    bin_code: str | None = None
    purpose: str | None = None
    capped: bool = False
    available: int = 0
    quarantine: int = 0
    inspection: int = 0
    damaged: int = 0
    consignment: int = 0
    reserved: int = 0
    open: int = 0
    picked: int = 0
    packed: int = 0

    @property
    def spot(self) -> PositionKey:
        return PositionKey(self.zone_id, self.bin_id, self.lot_code)

    @property
    def shelf(self) -> int:
        """What stands on the shelf to be taken: rule G keeps it at 0 or more."""
        return self.available + self.reserved + self.open

    @property
    def on_hand(self) -> int:
        """Every unit here, whatever it is promised to."""
        return sum(getattr(self, count) for count in COUNTS)

    @property
    def empty(self) -> bool:
        """Whether nothing at all is booked here."""
        promised = self.reserved or self.open or self.picked or self.packed
        return not (
            self.available or promised or self.quarantine or self.inspection or self.damaged or self.consignment
        )

    def bucket(self, bucket: Bucket) -> int:
        """Units of one bucket here."""
        return sum(getattr(self, count) for count in CELL_COUNTS[bucket])


COUNTS = ("available", "quarantine", "inspection", "damaged", "consignment", "reserved", "open", "picked", "packed")
CELL_COUNTS: Mapping[Bucket, tuple[str, ...]] = {
    "available": ("available",),
    "quarantine": ("quarantine", "inspection"),
    "damaged": ("damaged",),
    "consignment": ("consignment",),
    "reserved": ("reserved",),
    "committed": ("open", "picked", "packed"),
    "in_transit": (),
}


class Buckets(Value):
    """The seven totals of an item."""

    available: int = 0
    quarantine: int = 0
    damaged: int = 0
    consignment: int = 0
    reserved: int = 0
    committed: int = 0
    in_transit: int = 0

    @property
    def on_hand(self) -> int:
        """All buckets but in_transit."""
        return self.available + self.quarantine + self.damaged + self.consignment + self.reserved + self.committed


class Stages(Value):
    """Committed units by how far they are."""

    open: int = 0
    picked: int = 0
    packed: int = 0


class Externals(Value, omit_defaults=True):
    """What the entries of an item gave to each account outside, less what they took from it."""

    supplier: int = 0
    customer: int = 0
    adjustment: int = 0
    scrap: int = 0
    consignor: int = 0


class Coming(Value):
    """Units of a lot on their way to the facility: they have a lot and no place, so no cell counts them."""

    lot_code: str
    units: int


class Balance(Value):
    """One variant in one facility, as an answer shows it; true as of the entry numbered `seq`."""

    logical_guid: str
    variant_id: str
    buckets: Buckets
    on_hand: int
    seq: int


class Item(Record):
    """One variant in one facility.

    seq           number of its last entry
    recorded_utc  when that was; never falls
    lapse_utc     no promise of the item lapses before this; None: none ever does
    serialised    whether an entry has named serials here
    externals     the item's share in the accounts outside: those of a variant are the sums over its items
    coming        what of in_transit is of a lot
    """

    item_id: str
    logical_guid: str
    variant_id: str
    seq: int = 0
    available: int = 0
    quarantine: int = 0
    damaged: int = 0
    consignment: int = 0
    reserved: int = 0
    open: int = 0
    picked: int = 0
    packed: int = 0
    in_transit: int = 0
    recorded_utc: Utc = Utc("")
    lapse_utc: Utc | None = None
    serialised: bool = False
    externals: Externals = Externals()
    coming: list[Coming] = field(default_factory=list)
    cells: list[StockPosition] = field(default_factory=list)

    @property
    def committed(self) -> int:
        return self.open + self.picked + self.packed

    @property
    def on_hand(self) -> int:
        return self.available + self.quarantine + self.damaged + self.consignment + self.reserved + self.committed

    def buckets(self) -> Buckets:
        """The seven totals."""
        return Buckets(
            available=self.available,
            quarantine=self.quarantine,
            damaged=self.damaged,
            consignment=self.consignment,
            reserved=self.reserved,
            committed=self.committed,
            in_transit=self.in_transit,
        )

    def stages(self) -> Stages:
        """Committed units by stage."""
        return Stages(open=self.open, picked=self.picked, packed=self.packed)

    def balance(self) -> Balance:
        """The item as answers show it."""
        return Balance(
            logical_guid=self.logical_guid,
            variant_id=self.variant_id,
            buckets=self.buckets(),
            on_hand=self.on_hand,
            seq=self.seq,
        )

    def coming_of(self, lot_code: str) -> int:
        """Units of a lot on their way here."""
        return sum(each.units for each in self.coming if each.lot_code == lot_code)

    def lot_codes(self) -> set[str]:
        """The lots of which anything is booked here."""
        return {cell.lot_code for cell in self.cells if cell.lot_code is not None}


def item_id_of(orgcode: str, logical_guid: str, variant_id: str) -> str:
    """The one id an item can have, so that it is found without a query."""
    return f"{orgcode}/{logical_guid}/{variant_id}"


def new_item(orgcode: str, logical_guid: str, variant_id: str) -> Item:
    """An item nothing has happened to yet."""
    return Item(item_id=item_id_of(orgcode, logical_guid, variant_id), logical_guid=logical_guid, variant_id=variant_id)


def total_field(bucket: Bucket, stage: Stage | None) -> str:
    """The total of an item that units of this bucket and stage count in."""
    return stage if stage is not None else bucket


def cell_field(bucket: Bucket, stage: Stage | None, held: bool) -> str | None:
    """The count of a cell that such units count in; None for those on the way, which have no place."""
    if bucket == "in_transit":
        return None
    if bucket == "quarantine" and held:
        return "inspection"
    return stage if stage is not None else bucket


class OpenItem:
    """An item open for posting: its cells and totals as they are after the entries made so far."""

    __slots__ = (
        "cells",
        "coming",
        "externals",
        "filling",
        "item",
        "lapse_utc",
        "logical_guid",
        "lots",
        "seq",
        "serialised",
        "totals",
        "variant_id",
    )

    def __init__(self, item: Item, lots: Mapping[str, Lot] | None = None) -> None:
        self.item = item
        self.logical_guid = item.logical_guid
        self.variant_id = item.variant_id
        self.lots: dict[str, Lot] = dict(lots or {})
        self.cells: dict[PositionKey, StockPosition] = {cell.spot: cell for cell in item.cells}
        self.totals: dict[str, int] = {field: getattr(item, field) for field in TOTALS}
        self.seq = item.seq
        self.lapse_utc = item.lapse_utc
        self.serialised = item.serialised
        self.filling = False
        self.externals: Counter[External] = Counter()
        self.coming = {each.lot_code: each.units for each in item.coming}

    def cell(self, spot: PositionKey) -> StockPosition:
        """The cell at a position; an empty one where nothing is booked."""
        known = self.cells.get(spot)
        if known is not None:
            return known
        return StockPosition(zone_id=spot.zone_id, bin_id=spot.bin_id, lot_code=spot.lot_code)

    def land(self, place: Landing, lot_code: str | None) -> PositionKey:
        """The position of a lot at a place, made known to the page so that units may be put there."""
        spot = place.spot(lot_code)
        if spot not in self.cells:
            self.cells[spot] = StockPosition(
                zone_id=place.zone_id,
                bin_id=place.bin_id,
                lot_code=lot_code,
                zone_code=place.zone_code,
                bin_code=place.bin_code,
                purpose=place.purpose,
                capped=place.capacity is not None,
            )
        return spot

    def shift(self, bucket: Bucket, stage: Stage | None, held: bool, spot: PositionKey, quantity: int) -> None:
        """Add units (or take them, below 0) to one account of the item."""
        self.totals[total_field(bucket, stage)] += quantity
        count = cell_field(bucket, stage, held)
        if count is not None:
            cell = self.cell(spot)
            assert cell.purpose is not None or spot.zone_id is None, spot
            self.cells[spot] = replace(cell, **{count: getattr(cell, count) + quantity})
        elif spot.lot_code is not None:
            self.coming[spot.lot_code] = self.coming.get(spot.lot_code, 0) + quantity

    def outside(self) -> Externals:
        """The item's share in the accounts outside now."""
        before = self.item.externals
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
        known = self.cells.get(SHORTFALL)
        return max(0, -known.available) if known is not None else 0

    def close(self, now: Utc) -> Item:
        """The item as it is to be kept."""
        totals = self.totals
        return replace(
            self.item,
            seq=self.seq,
            recorded_utc=max(now, self.item.recorded_utc) if self.seq > self.item.seq else self.item.recorded_utc,
            lapse_utc=self.lapse_utc,
            serialised=self.serialised,
            externals=self.outside(),
            coming=[Coming(lot_code=lot, units=units) for lot, units in self.coming.items() if units],
            cells=[cell for cell in self.cells.values() if not cell.empty],
            **totals,
        )

    def totals_changed(self) -> bool:
        """Whether any bucket total differs from what it was when the page was opened."""
        item, totals = self.item, self.totals
        return (
            any(totals[bucket] != getattr(item, bucket) for bucket in BUCKETS if bucket != "committed")
            or self.total("committed") != item.committed
        )


TOTALS = (
    "available",
    "quarantine",
    "damaged",
    "consignment",
    "reserved",
    "open",
    "picked",
    "packed",
    "in_transit",
)


def account_order(cell: StockPosition) -> tuple[str, str, str]:
    """Where a cell stands among an item's cells wherever positions are listed: zone, bin, lot, none first."""
    return cell.zone_code or "", cell.bin_code or "", cell.lot_code or ""
