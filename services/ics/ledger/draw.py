"""Draw order: which positions units are taken from. Pure.

Positions are sorted by expiry date of the lot, then by purpose of the zone, then by codes. A pin restricts them to the
place and lot that a call names.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import NamedTuple

from chassis.clock import Date
from services.ics.ledger.balance import PositionKey, StockPosition
from services.ics.ledger.holder import Holding, Part
from services.ics.ledger.lot import Lot, unsellable_lots
from services.ics.ledger.naming import UNNAMED, Named, SerialAccount, SerialState
from services.ics.ledger.open_item import OpenItem
from services.ics.words import Stage

_NO_DATE = "~"  # sorts after every date

FEW_POSITIONS = 16
"""Positions that are sorted at once, to draw from them in order."""

FIRST_POSITIONS = 3
"""Positions that are looked for one by one before the others are sorted."""


class Pin(NamedTuple):
    """Restricts positions to a zone with all its bins, a bin, a lot; None: any.

    unplaced  only units without a place
    exact     only this position
    away      a (zone, bin) to leave out, because the units are to be moved there
    """

    zone_id: str | None = None
    bin_id: str | None = None
    lot_code: str | None = None
    unplaced: bool = False
    away: tuple[str | None, str | None] | None = None
    exact: PositionKey | None = None

    def holds(self, key: PositionKey) -> bool:
        """Whether a position matches the pin."""
        if (self.unplaced and key.zone_id is not None) or (key.zone_id, key.bin_id) == self.away:
            return False
        return (
            (self.exact is None or key == self.exact)
            and (self.zone_id is None or key.zone_id == self.zone_id)
            and (self.bin_id is None or key.bin_id == self.bin_id)
            and (self.lot_code is None or key.lot_code == self.lot_code)
        )

    def meets(self, other: "Pin") -> bool:
        """Whether a position may match both pins; of place and lot alone."""
        pairs = ((self.zone_id, other.zone_id), (self.bin_id, other.bin_id), (self.lot_code, other.lot_code))
        return all(one is None or another is None or one == another for one, another in pairs)

    @property
    def open(self) -> bool:
        """Whether it matches every position."""
        return self == ANYWHERE


ANYWHERE = Pin()


class Take(NamedTuple):
    """Units to be taken from one position; `serials` None: the call named none of them."""

    key: PositionKey
    quantity: int
    serials: list[str] | None = None


class HeldTake(NamedTuple):
    """Units to be taken from one part of a holding; `serials` None: the call named none of them."""

    part: Part
    quantity: int
    serials: list[str] | None = None


DrawKey = tuple[str, tuple[int, str, str, str]]


def draw_key(position: StockPosition, lots: Mapping[str, Lot]) -> DrawKey:
    """The sort key of a position in draw order."""
    lot = lots.get(position.lot_code) if position.lot_code is not None else None
    expiry = lot.expiry_date if lot is not None and lot.expiry_date is not None else _NO_DATE
    return expiry, position.place_order


def free(
    item: OpenItem, count: str, pin: Pin = ANYWHERE, *, today: Date | None = None
) -> list[tuple[StockPosition, int]]:
    """Positions inside the pin that have units in this count (a field of `StockPosition`), with their number, in draw
    order; with `today`, only sellable units of `available`."""
    found = _free(item, count, pin, today)
    if len(found) > 1:
        found.sort(key=lambda position: draw_key(position, item.lots))
    return [(position, _units(position, count, today)) for position in found]


def _free(item: OpenItem, count: str, pin: Pin, today: Date | None) -> list[StockPosition]:
    """The positions that `free` returns, in any order."""
    assert today is None or count == "available", count
    positions: Iterable[StockPosition] = item.positions.values()
    lots: Mapping[str, Lot] = item.lots
    if not pin.open:
        keys = item.positions.keys() if pin.exact is None else {pin.exact} & item.positions.keys()
        positions = [item.positions[key] for key in keys if pin.holds(key)]
        lots = {code: lots[code] for position in positions if (code := position.lot_code) is not None and code in lots}
    if today is None:
        return [position for position in positions if getattr(position, count) > 0]
    unsellable = unsellable_lots(lots, today)
    return [
        position
        for position in positions
        if position.available > 0
        and position.lot_code not in unsellable
        and (not (position.blocked or position.dated) or _units(position, count, today) > 0)
    ]


def _units(position: StockPosition, count: str, today: Date | None) -> int:
    """Units of the count at a position; with `today`, without one for each unsellable serial on the shelf: which serial
    a promise gets is decided only at the pick."""
    units = int(getattr(position, count))
    return units if today is None else units - position.unsellable_serials(today)


def draw(
    item: OpenItem,
    count: str,
    quantity: int,
    pin: Pin = ANYWHERE,
    *,
    today: Date | None = None,
    named: Named = UNNAMED,
) -> tuple[list[Take], int]:
    """Takes of at most `quantity` units without a holder, in draw order, and the number of units that are missing.

    If the call names units, exactly these are taken, and removed from `named`.
    """
    takes: list[Take] = []
    if quantity == 0:
        return takes, 0
    for position in _in_draw_order(_free(item, count, pin, today), item.lots):
        if quantity == 0:
            break
        part, serials = min(quantity, _units(position, count, today)), None
        if named.explicit:
            account = SerialAccount(item.logical_guid, position.key, _UNHELD_STATES[count])
            serials = named.take(account, part)
            part = len(serials)
        if part:
            takes.append(Take(position.key, part, serials))
            quantity -= part
    return takes, quantity


def _in_draw_order(found: list[StockPosition], lots: Mapping[str, Lot]) -> Iterator[StockPosition]:
    """Positions in draw order. Of many, a promise usually takes the first: it is looked for before they are sorted."""
    left = found
    for _ in range(FIRST_POSITIONS if len(found) > FEW_POSITIONS else 0):
        first = _first(left, lots)
        yield first
        left = [position for position in left if position is not first]
    left.sort(key=lambda position: draw_key(position, lots))
    yield from left


def _first(positions: Sequence[StockPosition], lots: Mapping[str, Lot]) -> StockPosition:
    """The first of these positions in draw order."""
    dates = {code: lot.expiry_date for code, lot in lots.items() if lot.expiry_date is not None}
    if dates:
        expiries = [dates.get(position.lot_code or "", _NO_DATE) for position in positions]
        soonest = min(expiries)
        positions = [position for position, expiry in zip(positions, expiries, strict=True) if expiry == soonest]
    return min(positions, key=attrgetter("place_order"))


_UNHELD_STATES: Mapping[str, SerialState] = {
    "available": "shelf",
    "quarantine": "quarantine",
    "damaged": "damaged",
}


def count_free(item: OpenItem, count: str, pin: Pin = ANYWHERE, *, today: Date | None = None) -> int:
    """Units of this count inside the pin; with `today`, only sellable ones."""
    return sum(_units(position, count, today) for position in _free(item, count, pin, today))


def parts_in_draw_order(item: OpenItem, holding: Holding) -> list[Part]:
    """The parts of a holding in draw order; at one position, lower lines first, then earlier stages."""
    parts = [part for part, quantity in holding.parts.items() if quantity > 0]
    if len(parts) > 1:
        parts.sort(
            key=lambda part: (draw_key(item.position(part.key), item.lots), part.line or 0, _STAGE_RANK[part.stage])
        )
    return parts


def draw_held(
    item: OpenItem,
    holding: Holding,
    quantity: int,
    pin: Pin = ANYWHERE,
    *,
    stage: Stage | None = None,
    line: int | None = None,
    leaves_shelf: bool = False,
    named: Named = UNNAMED,
) -> tuple[list[HeldTake], int]:
    """Takes of at most `quantity` units of a holder, in draw order, and the number of units that are missing.

    `stage` and `line` restrict the parts. With `leaves_shelf`, at most the units on the shelf of each position are
    taken (rule G): units promised beyond stock cannot leave it. If the call names units, exactly these are taken, and
    removed from `named`.
    """
    takes: list[HeldTake] = []
    shelves: dict[PositionKey, int] = {}
    for part in parts_in_draw_order(item, holding):
        if quantity == 0:
            break
        if (
            (stage is not None and part.stage != stage)
            or (line is not None and part.line != line)
            or not pin.holds(part.key)
        ):
            continue
        take = min(quantity, holding.parts[part])
        if leaves_shelf:
            left = shelves.setdefault(part.key, item.position(part.key).shelf)
            take = min(take, left)
        serials = named.take(holding.account(part), take) if named.explicit else None
        take = take if serials is None else len(serials)
        if leaves_shelf:
            shelves[part.key] -= take
        if take > 0:
            takes.append(HeldTake(part, take, serials))
            quantity -= take
    return takes, quantity


_STAGE_RANK: Mapping[Stage | None, int] = {None: 0, "open": 0, "picked": 1, "packed": 2}
