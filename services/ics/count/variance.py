"""Variances: the ledger's units at a position at a point in time, and the posting of differences. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from chassis.clock import Utc
from chassis.values import QUANTITY_MAX
from services.ics.count.named import leg_with, lose
from services.ics.ledger.accounts import HELD, assign, legs_at, parts_at, units_of
from services.ics.ledger.balance import Item, Landing, PositionKey
from services.ics.ledger.entry import Account, StockCardEntry
from services.ics.ledger.holder import Holding, Loss, is_on_shelf
from services.ics.ledger.leg import Leg
from services.ics.ledger.naming import NamedUnit
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.posting import Posting, insufficient
from services.ics.words import BUCKETS, UNHELD_BUCKETS, Bucket, InsufficientStock, Shortage, Stage


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
    there = item.positions.get(key)
    return (there.on_hand if there is not None else 0) - sum(
        moved.units for moved in since.get(key, ()) if moved.recorded_utc > moment
    )


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
    """A variance to post, in units: above 0 a surplus, put at `place`; below 0 a shortage. `found` and `missing` are
    the serials that were named and not expected, and the other way round."""

    item: OpenItem
    key: PositionKey
    units: int
    line_no: int
    place: Landing | None = None
    found: Sequence[NamedUnit] = ()
    missing: Sequence[NamedUnit] = ()


def post_all(posting: Posting, differences: Iterable[CountDifference]) -> None:
    """Post all variances. Raises `InsufficientStock` with every shortage that exceeds the units that may be taken."""
    shortages: list[Shortage] = []
    for difference in differences:
        if difference.found or difference.missing:
            shortages += _post_serials(posting, difference)
            continue
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


def _post_serials(posting: Posting, difference: CountDifference) -> list[Shortage]:
    """Post serials found and missing one by one, and units without a serial that are left over. Returns shortages."""
    item, key, line_no = difference.item, difference.key, difference.line_no
    bare = len(difference.found) - len(difference.missing) - difference.units
    if bare < 0:
        # Units of earlier releases left serials behind: each of these leaves with a unit that comes in for it.
        _add(posting, difference._replace(units=-bare))
    whole = difference.found[: max(0, bare)]
    named = assign(posting, legs_at(posting, item, key, BUCKETS), whole, at_once=1, line_no=line_no)
    for unit in difference.found[named:]:
        assert difference.place is not None, difference
        landed = posting.land(item, difference.place, key.lot_code)
        posting.move("count", 1, "adjustment", Leg(item, "available", landed), serials=[unit.serial_no], line=line_no)
    lacking = 0
    for unit in difference.missing:
        assert unit.account is not None, unit
        leg = leg_with(legs_at(posting, item, key, BUCKETS), unit.account)
        if leg is None:
            lacking += 1
        else:
            lose(posting, leg, 1, [unit.serial_no], line_no)
    left = bare - named
    for leg in list(legs_at(posting, item, key, BUCKETS)) if left > 0 else ():
        units = min(left, posting.bare(leg), units_of(leg))
        if units > 0:
            lose(posting, leg, units, [], line_no)
            left -= units
    wanted = lacking + max(0, left)
    return insufficient(item, "available", wanted, 0).details["shortages"] if wanted else []


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
    for held, stage in HELD:
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
    for part in parts_at(holding, key, stage):
        units = min(quantity - lost, holding.parts[part])
        if on_shelf:
            units = min(units, item.position(key).shelf)
        if units > 0:
            holding.losses.append(Loss(part, units))
            source = Leg(item, holding.bucket, key, holding, stage, part.line)
            posting.move("count", units, source, "adjustment", line=line_no)
            lost += units
    return lost
