"""Holders: in whose name units are, and how a movement reaches the record of somebody it does not know.

What a promise holds lies in its own record. The ledger is the ground and must not know reservations or receipts, so
each kind of holder registers how its parts are read and kept; a repin, a putaway or an adjustment then changes any
holder's record through that.
"""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from chassis.clock import Date
from chassis.entity import Entity, Value
from chassis.unit import Change, View
from chassis.values import Qty
from services.ics.ledger.balance import PositionKey, StockPosition, account_order
from services.ics.ledger.open_item import OpenItem
from services.ics.words import STAGES, Bucket, HolderType, Stage


class HeldPosition(Value):
    """Units a holder has at one place, of one lot, at one stage."""

    zone_id: str | None = None
    bin_id: str | None = None
    lot_code: str | None = None
    stage: Stage | None = None
    quantity: Qty

    @property
    def key(self) -> PositionKey:
        return PositionKey(self.zone_id, self.bin_id, self.lot_code)


class Part(NamedTuple):
    """One part of what is held: where it is, how far (commits), and on which line (receipts, shipments)."""

    key: PositionKey
    stage: Stage | None = None
    line: int | None = None


class Loss(NamedTuple):
    """Units of a holder that were adjusted away."""

    part: Part
    quantity: int


Parts = Mapping[Part, int]

HOLDERS_MAX = 200
"""Most holders, beyond those its call names, that one transaction expires or fills."""

BITE_HOLDERS = 50
"""Holders that a transaction of the stack's own expires: few enough that other calls hardly notice."""

HEAVY_HOLDERS = 20
"""A call that touches more holders than this is committed beside the batch that other calls share."""

BUCKET_OF: Mapping[HolderType, Bucket] = {
    "receive": "quarantine",
    "reservation": "reserved",
    "allocation": "reserved",
    "commit": "committed",
    "shipment": "in_transit",
    "consignment": "consignment",
}
"""The bucket the units of each type of holder are in."""


def is_on_shelf(bucket: Bucket, stage: Stage | None) -> bool:
    """Whether units somebody holds still stand on the shelf, where rule G counts them: promised, and not picked yet."""
    return bucket == "reserved" or stage == "open"


class Holding:
    """What one holder has of one item while a call works on it. `own`: the call keeps its record itself."""

    __slots__ = ("id", "item", "losses", "own", "parts", "touched", "type")

    def __init__(self, holder_type: HolderType, holder_id: str, item: OpenItem, parts: Parts | None = None) -> None:
        self.type: HolderType = holder_type
        self.id = holder_id
        self.item = item
        self.parts: dict[Part, int] = dict(parts or {})
        self.losses: list[Loss] = []
        self.touched = False
        self.own = False

    @property
    def bucket(self) -> Bucket:
        """The bucket its units are in."""
        return BUCKET_OF[self.type]

    def shift(self, part: Part, quantity: int) -> None:
        """Add units to a part, or take them from it."""
        self.parts[part] = self.parts.get(part, 0) + quantity
        assert self.parts[part] >= 0, (self.type, self.id, part)
        self.touched = True

    def total(self, *, stage: Stage | None = None, line: int | None = None) -> int:
        """Units held, of one stage or line if named."""
        return sum(
            quantity
            for part, quantity in self.parts.items()
            if (stage is None or part.stage == stage) and (line is None or part.line == line)
        )

    @property
    def lost(self) -> int:
        """Units that were adjusted away."""
        return sum(loss.quantity for loss in self.losses)

    def at(self, key: PositionKey, *, stage: Stage | None = None) -> int:
        """Units held at one position."""
        return sum(
            quantity
            for part, quantity in self.parts.items()
            if part.key == key and (stage is None or part.stage == stage)
        )

    def positions(self, line: int | None = None) -> list[HeldPosition]:
        """What is held, in account order."""
        return positions_of(self.item, {p: q for p, q in self.parts.items() if line is None or p.line == line})


def positions_of(item: OpenItem, parts: Parts) -> list[HeldPosition]:
    """Parts as a record keeps them: in account order, what is empty left out."""
    found: list[tuple[StockPosition, Part, int]] = [
        (item.position(part.key), part, quantity) for part, quantity in parts.items() if quantity > 0
    ]
    if len(found) > 1:
        found.sort(key=lambda each: (*account_order(each[0]), STAGES.index(each[1].stage) if each[1].stage else -1))
    return [
        HeldPosition(
            zone_id=part.key.zone_id,
            bin_id=part.key.bin_id,
            lot_code=part.key.lot_code,
            stage=part.stage,
            quantity=quantity,
        )
        for _, part, quantity in found
    ]


def parts_of(positions: Iterable[HeldPosition], line: int | None = None) -> dict[Part, int]:
    """Kept positions as parts."""
    return {Part(held.key, held.stage, line): held.quantity for held in positions}


class HolderKind(NamedTuple):
    """How the ledger reads and keeps a holder it does not know.

    entity  where such holders are kept
    parts   (record, variant) -> what the holder has of that variant
    keep    (record, holding) -> the record with the holding's parts, its `lost` counters grown by the losses
    lapse   (record, units) -> the record after its time ran out with so many units left; None: it never lapses
    lapsed  the event that tells of a lapse, and the field its body has the record in
    find    (view, facility, variant) -> the records that hold units of an item; None for promises, which are found
            together
    follow  (change, record as it was, as it is to be kept) -> what is kept instead, once the records that add up its
            counters have followed; None: nothing else does
    arrives the day a record's units are expected; None for kinds whose units are in the house
    """

    type: HolderType
    entity: Entity[Any]
    parts: Callable[[Any, str], Parts]
    keep: Callable[[Any, Holding], Any]
    expire: Callable[[Any, int], Any] | None = None
    expired_event: tuple[str, str] | None = None
    find: Callable[[View, str, str], Awaitable[Sequence[Any]]] | None = None
    follow: Callable[[Change, Any, Any], Awaitable[Any]] | None = None
    arrives: Callable[[Any], Date | None] | None = None


HOLDER_KINDS: dict[HolderType, HolderKind] = {}


def register(kind: HolderKind) -> None:
    """Make a kind of holder known; a feature's store does so once, at import."""
    HOLDER_KINDS[kind.type] = kind
