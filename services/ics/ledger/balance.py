"""Items and their stock positions: how many units of a variant are in a facility, and where.

An item stores its seven bucket totals, and one position for each place and lot. A position counts the units of all
holders together; the units of each holder are in the holder's own record. `open_item.py` has items open for posting.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import NamedTuple

from msgspec import field

from chassis.clock import Date, Utc
from chassis.entity import Record, Value
from services.ics.words import BUCKETS, STAGES, Bucket


class PositionKey(NamedTuple):
    """Identifies a position within an item: a place and a lot. None: no place, no lot."""

    zone_id: str | None = None
    bin_id: str | None = None
    lot_code: str | None = None


SHORTFALL = PositionKey()
"""No place and no lot: the only position whose available units may be below 0."""


class Landing(Value):
    """Where units are put: the fields of a zone and bin that the ledger needs. The defaults mean no place."""

    zone_id: str | None = None
    bin_id: str | None = None
    zone_code: str | None = None
    bin_code: str | None = None
    purpose: str | None = None
    capacity: int | None = None

    def key(self, lot_code: str | None) -> PositionKey:
        """The key of a lot's position at this place."""
        return PositionKey(self.zone_id, self.bin_id, lot_code)


NO_LANDING = Landing()

PURPOSE_RANK: Mapping[str | None, int] = {
    "pick": 0,
    "storage": 1,
    "overstock": 2,
    "receiving": 3,
    "returns": 4,
    "staging": 5,
    None: 6,
}
"""Draw order among purposes of zones; None: no place."""


class StockPosition(Value, omit_defaults=True, dict=True):
    """Units at one place and of one lot. `quarantine` counts units without a holder, `inspection` those of receipts;
    `capped`: the bin has a capacity.

    serials             units on the shelf that have a serial number
    blocked             of these, the blocked ones
    dated               expiry date -> how many of these that are not blocked expire on it
    quarantine_serials  units in quarantine without a holder that have a serial number
    damaged_serials     damaged units that have a serial number
    """

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
    serials: int = 0
    blocked: int = 0
    dated: dict[Date, int] = field(default_factory=dict)
    quarantine_serials: int = 0
    damaged_serials: int = 0

    @cached_property
    def key(self) -> PositionKey:
        return PositionKey(self.zone_id, self.bin_id, self.lot_code)

    @cached_property
    def place_order(self) -> tuple[int, str, str, str]:
        """Sort key among positions whose lots expire on the same day: purpose of the zone, then codes."""
        return PURPOSE_RANK[self.purpose], self.zone_code or "", self.bin_code or "", self.lot_code or ""

    @property
    def shelf(self) -> int:
        """Units that can be taken from the shelf; never below 0 (rule G)."""
        return self.available + self.reserved + self.open

    @property
    def staged(self) -> int:
        """Units that are picked or packed."""
        return self.picked + self.packed

    @property
    def on_hand(self) -> int:
        """All units at this position."""
        return sum(getattr(self, count) for count in COUNTS)

    @property
    def empty(self) -> bool:
        """Whether all counts are 0."""
        promised = self.reserved or self.open or self.picked or self.packed
        return not (
            self.available or promised or self.quarantine or self.inspection or self.damaged or self.consignment
        )

    @property
    def gone(self) -> bool:
        """Whether it is empty and counts no serial. Earlier releases let units leave their serials behind."""
        return self.empty and not (self.serials or self.quarantine_serials or self.damaged_serials)

    def unsellable_serials(self, today: Date) -> int:
        """Serials on the shelf that are blocked, or past their expiry date on `today`."""
        if not self.dated:
            return self.blocked
        return self.blocked + sum(units for day, units in self.dated.items() if day < today)

    def bucket(self, bucket: Bucket) -> int:
        """Units of one bucket at this position; 0 for in_transit."""
        return sum(getattr(self, count) for count in POSITION_COUNTS[bucket])


POSITION_COUNTS: Mapping[Bucket, tuple[str, ...]] = {
    **{bucket: (bucket,) for bucket in BUCKETS},
    "quarantine": ("quarantine", "inspection"),
    "committed": STAGES,
    # Units in transit have no place.
    "in_transit": (),
}
"""Bucket -> the fields of `StockPosition` that add up to it."""

COUNTS: tuple[str, ...] = tuple(count for counts in POSITION_COUNTS.values() for count in counts)


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
        """The sum of all buckets except in_transit."""
        return self.available + self.quarantine + self.damaged + self.consignment + self.reserved + self.committed


class Stages(Value):
    """Committed units by stage."""

    open: int = 0
    picked: int = 0
    packed: int = 0


class Externals(Value, omit_defaults=True):
    """Units that the entries of an item moved to each external account, minus the units they took from it."""

    supplier: int = 0
    customer: int = 0
    adjustment: int = 0
    scrap: int = 0
    consignor: int = 0


class Coming(Value):
    """Units of a lot in transit to the facility. They have no place, so no position counts them."""

    lot_code: str
    units: int


class Balance(Value):
    """The totals of one variant in one facility, after the entry numbered `seq`."""

    logical_guid: str
    variant_id: str
    buckets: Buckets
    on_hand: int
    seq: int


class Item(Record, dict=True):
    """One variant in one facility.

    seq           number of its last entry
    recorded_utc  time of its last entry; never decreases
    lapse_utc     no promise of the item expires before this time; None: no promise expires
    serialised    whether any entry of the item named serials
    externals     the item's share of the external accounts; the balance of a variant is the sum over its items
    coming        the units of in_transit that have a lot
    cells         its stock positions
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
        """The balance that answers contain."""
        return Balance(
            logical_guid=self.logical_guid,
            variant_id=self.variant_id,
            buckets=self.buckets(),
            on_hand=self.on_hand,
            seq=self.seq,
        )

    def coming_of(self, lot_code: str) -> int:
        """Units of a lot in transit to the facility."""
        return sum(each.units for each in self.coming if each.lot_code == lot_code)

    @cached_property
    def positions(self) -> Mapping[PositionKey, StockPosition]:
        """The stock positions by their keys."""
        return {position.key: position for position in self.cells}

    @cached_property
    def lot_codes(self) -> frozenset[str]:
        """The lots of the item's positions."""
        return frozenset(position.lot_code for position in self.cells if position.lot_code is not None)


ITEM_ID = "{orgcode}/{logical_guid}/{variant_id}"
"""The pattern of an item's id."""


def item_id_of(orgcode: str, logical_guid: str, variant_id: str) -> str:
    """The id of an item, derived from its facility and variant, so that it is read by id."""
    return f"{orgcode}/{logical_guid}/{variant_id}"


def new_item(orgcode: str, logical_guid: str, variant_id: str) -> Item:
    """An item without entries."""
    return Item(item_id=item_id_of(orgcode, logical_guid, variant_id), logical_guid=logical_guid, variant_id=variant_id)


def account_order(position: StockPosition) -> tuple[str, str, str]:
    """Sort key of listed positions: zone code, bin code, lot; none first."""
    return position.zone_code or "", position.bin_code or "", position.lot_code or ""
