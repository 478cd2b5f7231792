"""Holders: the records that units are held for, and how a movement updates them.

The units a promise holds are in its own record. The ledger must not import reservations or receipts, so each kind of
holder registers how its parts are read and stored; a repin, putaway or adjustment updates any holder's record that way.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from chassis.clock import Date
from chassis.entity import Entity, Value
from chassis.unit import Change, View
from chassis.values import Qty
from services.ics.ledger.balance import PositionKey, StockPosition, account_order
from services.ics.ledger.naming import SerialAccount, SerialState
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
    """Identifies a part of a holding: position, stage (commits), and line (receipts, shipments)."""

    key: PositionKey
    stage: Stage | None = None
    line: int | None = None


class Loss(NamedTuple):
    """Units of a holder that were adjusted away."""

    part: Part
    quantity: int


Parts = Mapping[Part, int]

HOLDERS_MAX = 200
"""Most holders that one transaction expires or fills, in addition to those that the call names."""

BITE_HOLDERS = 50
"""Most holders that a background transaction expires; small, so that it does not delay other calls."""

HEAVY_HOLDERS = 20
"""A call that changes more holders than this commits in its own transaction, outside the shared batch."""

BUCKET_OF: Mapping[HolderType, Bucket] = {
    "receive": "quarantine",
    "reservation": "reserved",
    "allocation": "reserved",
    "commit": "committed",
    "shipment": "in_transit",
    "consignment": "consignment",
}
"""Holder type -> the bucket of its units."""


class HeldState(NamedTuple):
    """What promised units count as at their position. `field`: their number in `StockPosition`."""

    bucket: Bucket
    stage: Stage | None
    field: str

    @property
    def on_shelf(self) -> bool:
        """Whether the units are still on the shelf."""
        return is_on_shelf(self.bucket, self.stage)


HELD_STATES: tuple[HeldState, ...] = (
    HeldState("reserved", None, "reserved"),
    HeldState("committed", "open", "open"),
    HeldState("committed", "picked", "picked"),
    HeldState("committed", "packed", "packed"),
)


def hold_key(state: HeldState, key: PositionKey) -> str:
    """The value in `holds` of a promise with units in this state at a position."""
    return f"{state.field}:{key.zone_id or ''}/{key.bin_id or ''}/{key.lot_code or ''}"


def hold_keys(positions: Iterable[HeldPosition]) -> list[str]:
    """The values of `holds` of a promise that holds these units."""
    states = {state.stage: state for state in HELD_STATES}
    return sorted({hold_key(states[held.stage], held.key) for held in positions})


_STATES: Mapping[HolderType, SerialState] = {
    "receive": "quarantine",
    "shipment": "in_transit",
    "consignment": "consignment",
}


def is_on_shelf(bucket: Bucket, stage: Stage | None) -> bool:
    """Whether held units are still on the shelf, where rule G counts them: promised and not picked yet."""
    return bucket == "reserved" or stage == "open"


class Holding:
    """The units of one holder in one open item.

    losses   units adjusted away by this call
    touched  whether this call changed the parts
    serials  line number -> the serials of a line, for receipts; empty for other holders
    named    line number -> serials that this call gave to units of a line, for receipts
    own      whether the call stores the holder's record itself; if not, `write_ledger` does
    """

    __slots__ = ("id", "item", "losses", "named", "own", "parts", "serials", "touched", "type")

    def __init__(self, holder_type: HolderType, holder_id: str, item: OpenItem, parts: Parts | None = None) -> None:
        self.type: HolderType = holder_type
        self.id = holder_id
        self.item = item
        self.parts: dict[Part, int] = dict(parts or {})
        self.losses: list[Loss] = []
        self.serials: Mapping[int, Collection[str]] = {}
        self.named: dict[int, list[str]] = {}
        self.touched = False
        self.own = False

    @property
    def bucket(self) -> Bucket:
        """The bucket of its units."""
        return BUCKET_OF[self.type]

    def shift(self, part: Part, quantity: int) -> None:
        """Add `quantity` units to a part; a negative quantity takes them. A part never falls below 0."""
        self.parts[part] = self.parts.get(part, 0) + quantity
        assert self.parts[part] >= 0, (self.type, self.id, part)
        self.touched = True

    def name(self, line: int | None, serials: Sequence[str]) -> None:
        """Note that units of a line got serials, for a holder that knows the serials of its lines."""
        if line is not None and line in self.serials:
            self.named.setdefault(line, []).extend(serials)
            self.serials = {**self.serials, line: {*self.serials[line], *serials}}
            self.touched = True

    def total(self, *, stage: Stage | None = None, line: int | None = None) -> int:
        """Units held; of one stage or line, if given."""
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
        """Units held at one position; of one stage, if given."""
        return sum(
            quantity
            for part, quantity in self.parts.items()
            if part.key == key and (stage is None or part.stage == stage)
        )

    def account(self, part: Part) -> SerialAccount:
        """Where the serials of a part are: promises hold units on the shelf, but name none of them."""
        if self.bucket == "reserved" or part.stage == "open":
            return SerialAccount(self.item.logical_guid, part.key, "shelf")
        return SerialAccount(self.item.logical_guid, part.key, part.stage or _STATES[self.type], self.id)

    def positions(self, line: int | None = None) -> list[HeldPosition]:
        """The held units by position, in account order; of one line, if given."""
        return positions_of(self.item, {p: q for p, q in self.parts.items() if line is None or p.line == line})


def positions_of(item: OpenItem, parts: Parts) -> list[HeldPosition]:
    """The positions that a record stores for these parts: in account order, without empty ones."""
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
    """The parts of stored positions; `line` is set on each."""
    return {Part(held.key, held.stage, line): held.quantity for held in positions}


class HolderKind(NamedTuple):
    """How the ledger reads and stores one kind of holder.

    entity         the entity of its records
    parts          (record, variant) -> the units the record holds of the variant
    keep           (record, holding) -> the record with the holding's parts, and its `lost` counters increased
    serials        (record, variant) -> the serials of each line, where a record has several lines of one account
    expire         (record, units) -> the record after it expired with these units left; None: it never expires
    expired_event  the event type of an expiry, and the field of its body that has the record
    find           (view, facility, variant) -> the records that hold units of an item; None for promises, which are
                   read together
    follow         (change, record before, record after) -> the record to store, after records with totals of it were
                   updated; None: there are none
    arrives        record -> the date its units are expected; None for kinds whose units are on hand
    """

    type: HolderType
    entity: Entity[Any]
    parts: Callable[[Any, str], Parts]
    keep: Callable[[Any, Holding], Any]
    serials: Callable[[Any, str], Mapping[int, Collection[str]]] | None = None
    expire: Callable[[Any, int], Any] | None = None
    expired_event: tuple[str, str] | None = None
    find: Callable[[View, str, str], Awaitable[Sequence[Any]]] | None = None
    follow: Callable[[Change, Any, Any], Awaitable[Any]] | None = None
    arrives: Callable[[Any], Date | None] | None = None


HOLDER_KINDS: dict[HolderType, HolderKind] = {}


def register(kind: HolderKind) -> None:
    """Register a kind of holder; called once by a feature's store, at import."""
    HOLDER_KINDS[kind.type] = kind
