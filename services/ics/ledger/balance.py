"""Items and their cells: how many units of a variant lie where in a facility, and how an entry changes that.

An item keeps its seven bucket totals and one cell a place and lot. A cell counts all holders together; who holds what
is in the holders' own records. An item open for posting is in `open_item.py`.
"""

from collections.abc import Mapping
from typing import NamedTuple

from msgspec import field

from chassis.clock import Utc
from chassis.entity import Record, Value
from services.ics.words import BUCKETS, STAGES, Bucket


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

    def key(self, lot_code: str | None) -> PositionKey:
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
    def key(self) -> PositionKey:
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
        return sum(getattr(self, count) for count in POSITION_COUNTS[bucket])


POSITION_COUNTS: Mapping[Bucket, tuple[str, ...]] = {
    **{bucket: (bucket,) for bucket in BUCKETS},
    "quarantine": ("quarantine", "inspection"),
    "committed": STAGES,
    # Units on the way have no place.
    "in_transit": (),
}
"""The counts of a cell that each bucket is made of."""

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
        return {position.lot_code for position in self.cells if position.lot_code is not None}


def item_id_of(orgcode: str, logical_guid: str, variant_id: str) -> str:
    """The one id an item can have, so that it is found without a query."""
    return f"{orgcode}/{logical_guid}/{variant_id}"


def new_item(orgcode: str, logical_guid: str, variant_id: str) -> Item:
    """An item nothing has happened to yet."""
    return Item(item_id=item_id_of(orgcode, logical_guid, variant_id), logical_guid=logical_guid, variant_id=variant_id)


def account_order(position: StockPosition) -> tuple[str, str, str]:
    """Where a cell stands among an item's cells wherever positions are listed: zone, bin, lot, none first."""
    return position.zone_code or "", position.bin_code or "", position.lot_code or ""
