"""Variances: the ledger's units at a position at a point in time, and the posting of differences. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chassis.clock import Utc
from chassis.values import QUANTITY_MAX
from services.ics.ledger.balance import Item, Landing, PositionKey
from services.ics.ledger.entry import Account, StockCardEntry
from services.ics.ledger.holder import Holding, Loss, Part, is_on_shelf
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Leg, Posting, insufficient
from services.ics.words import UNHELD_BUCKETS, Bucket, InsufficientStock, Shortage, Stage


class Movement(NamedTuple):
    """A change of the units at a position (negative: units left), and when it was recorded."""

    recorded_utc: Utc
    units: int


Movements = Mapping[PositionKey, list[Movement]]


def movements(entries: Iterable[StockCardEntry], logical_guid: str) -> dict[PositionKey, list[Movement]]:
    """The movements of an item's entries by position. A change of bucket only adds two movements that cancel out."""
    found: dict[PositionKey, list[Movement]] = {}
    for entry in entries:
        for side, units in ((entry.from_account, -entry.quantity), (entry.to_account, entry.quantity)):
            if _lies_there(side, logical_guid):
                found.setdefault(side.key, []).append(Movement(entry.recorded_utc, units))
    return found


def _lies_there(side: Account, logical_guid: str) -> bool:
    return side.kind == "stock" and side.logical_guid == logical_guid and side.bucket != "in_transit"


def expected_at(item: Item, key: PositionKey, moment: Utc, since: Movements) -> int:
    """Units on hand at a position at `moment`, over all buckets and stages: the current units minus later movements.

    `since` must contain all movements of the item after `moment`; earlier ones are ignored.
    """
    there = next((position.on_hand for position in item.cells if position.key == key), 0)
    return there - sum(moved.units for moved in since.get(key, ()) if moved.recorded_utc > moment)


SOMEBODYS: tuple[tuple[Bucket, Stage | None], ...] = (
    ("reserved", None),
    ("committed", "open"),
    ("committed", "picked"),
    ("committed", "packed"),
    ("consignment", None),
    ("quarantine", None),
)
"""The order in which holders lose units after the unheld ones are used up; within each, the newest holder first."""


def nobodys(item: OpenItem, key: PositionKey) -> int:
    """Units at a position that no holder holds."""
    position = item.position(key)
    return sum(max(0, getattr(position, bucket)) for bucket in UNHELD_BUCKETS)


def held_buckets(item: OpenItem, keys: Iterable[PositionKey]) -> set[Bucket]:
    """Buckets in which holders have units at any of these positions."""
    found: set[Bucket] = set()
    for key in keys:
        position = item.position(key)
        found |= {"reserved"} if position.reserved else set()
        found |= {"committed"} if position.open or position.picked or position.packed else set()
        found |= {"consignment"} if position.consignment else set()
        found |= {"quarantine"} if position.inspection else set()
    return found


class CountDifference(NamedTuple):
    """A variance to post, in units: above 0 a surplus, put at `place`; below 0 a shortage, with `place` None."""

    item: OpenItem
    key: PositionKey
    units: int
    line_no: int
    place: Landing | None = None


def post_all(posting: Posting, differences: Iterable[CountDifference]) -> None:
    """Post all variances. Raises `InsufficientStock` with every shortage that exceeds the units that may be taken."""
    shortages: list[Shortage] = []
    for difference in differences:
        if difference.units > 0:
            _add(posting, difference)
            continue
        wanted = -difference.units
        if left := _absorb(posting, difference.item, difference.key, wanted, difference.line_no):
            refusal = insufficient(difference.item, "available", wanted, wanted - left)
            shortages += refusal.details["shortages"]
    if shortages:
        raise InsufficientStock(
            "what is missing was taken elsewhere since: reject the count and count again", shortages
        )


def _add(posting: Posting, surplus: CountDifference) -> None:
    assert surplus.place is not None, surplus
    key = posting.land(surplus.item, surplus.place, surplus.key.lot_code)
    posting.move("count", surplus.units, "adjustment", Leg(surplus.item, "available", key), line=surplus.line_no)


def _absorb(posting: Posting, item: OpenItem, key: PositionKey, quantity: int, line_no: int) -> int:
    """Take missing units, first unheld ones, then those of `SOMEBODYS`, as far as rules Z and G allow; return the units
    not taken.
    """
    left = quantity
    for bucket in UNHELD_BUCKETS:
        there = min(left, max(0, getattr(item.position(key), bucket)))
        left -= there
        while there:
            # The quantity of an entry has the same limit as that of a call.
            units = min(there, QUANTITY_MAX)
            posting.move("count", units, Leg(item, bucket, key), "adjustment", line=line_no)
            there -= units
    for held, stage in SOMEBODYS:
        for holding in reversed(posting.holders_in(item, held)):
            if left == 0:
                return 0
            left -= _lose(posting, holding, key, stage, left, line_no)
    return left


def _lose(
    posting: Posting, holding: Holding, key: PositionKey, stage: Stage | None, quantity: int, line_no: int
) -> int:
    """Take units of a holder at the position, at most `quantity`; return the number taken."""
    item, lost = holding.item, 0
    on_shelf = is_on_shelf(holding.bucket, stage)
    for part in _parts_at(holding, key, stage):
        units = min(quantity - lost, holding.parts[part])
        if on_shelf:
            units = min(units, item.position(key).shelf)
        if units > 0:
            holding.losses.append(Loss(part, units))
            source = Leg(item, holding.bucket, key, holding, stage, part.line)
            posting.move("count", units, source, "adjustment", line=line_no)
            lost += units
    return lost


def _parts_at(holding: Holding, key: PositionKey, stage: Stage | None) -> list[Part]:
    found = [part for part, units in holding.parts.items() if units > 0 and (part.key, part.stage) == (key, stage)]
    return sorted(found, key=lambda part: part.line or 0)
