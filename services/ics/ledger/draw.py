"""Draw order: which positions units are taken from. Pure.

Positions are sorted by expiry date of the lot, then by purpose of the zone, then by codes. A pin restricts them to the
place and lot that a call names.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from chassis.clock import Date
from services.ics.ledger.balance import PositionKey, StockPosition
from services.ics.ledger.holder import Holding, Part
from services.ics.ledger.lot import Lot, is_sellable
from services.ics.ledger.naming import UNNAMED, Named, SerialAccount, SerialState
from services.ics.ledger.open_item import OpenItem
from services.ics.words import Stage

PURPOSE_RANK: Mapping[str | None, int] = {
    "pick": 0,
    "storage": 1,
    "overstock": 2,
    "receiving": 3,
    "returns": 4,
    "staging": 5,
    None: 6,
}
_NO_DATE = "~"  # sorts after every date


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


def draw_key(position: StockPosition, lots: Mapping[str, Lot]) -> tuple[str, int, str, str, str]:
    """The sort key of a position in draw order."""
    lot = lots.get(position.lot_code) if position.lot_code is not None else None
    expiry = lot.expiry_date if lot is not None and lot.expiry_date is not None else _NO_DATE
    return (
        expiry,
        PURPOSE_RANK[position.purpose],
        position.zone_code or "",
        position.bin_code or "",
        position.lot_code or "",
    )


def sellable(item: OpenItem, position: StockPosition, today: Date) -> int:
    """Available units that a promise may take on `today`: none of an unsellable lot, and of another one so many that
    its unsellable serials stay. Which serial a promise gets is decided only at the pick."""
    if position.available <= 0 or not is_sellable(item.lots, position.lot_code, today):
        return 0
    return max(0, position.available - position.unsellable_serials(today))


def free(
    item: OpenItem, count: str, pin: Pin = ANYWHERE, *, today: Date | None = None
) -> list[tuple[StockPosition, int]]:
    """Positions inside the pin that have units in this count (a field of `StockPosition`), with their number, in draw
    order; with `today`, only sellable units of `available`."""
    found = _free(item, count, pin, today)
    if len(found) > 1:
        found.sort(key=lambda each: draw_key(each[0], item.lots))
    return found


def _free(item: OpenItem, count: str, pin: Pin, today: Date | None) -> list[tuple[StockPosition, int]]:
    """What `free` returns, in any order."""
    assert today is None or count == "available", count
    positions: Iterable[StockPosition] = item.positions.values()
    if not pin.open:
        positions = [position for key, position in item.positions.items() if pin.holds(key)]
    if today is None:
        return [(position, units) for position in positions if (units := getattr(position, count)) > 0]
    return [(position, units) for position in positions if (units := sellable(item, position, today)) > 0]


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
    for position, units in free(item, count, pin, today=today):
        if quantity == 0:
            break
        part, serials = min(quantity, units), None
        if named.explicit:
            account = SerialAccount(item.logical_guid, position.key, _UNHELD_STATES[count])
            serials = named.take(account, part)
            part = len(serials)
        if part:
            takes.append(Take(position.key, part, serials))
            quantity -= part
    return takes, quantity


_UNHELD_STATES: Mapping[str, SerialState] = {
    "available": "shelf",
    "quarantine": "quarantine",
    "damaged": "damaged",
}


def count_free(item: OpenItem, count: str, pin: Pin = ANYWHERE, *, today: Date | None = None) -> int:
    """Units of this count inside the pin; with `today`, only sellable ones."""
    return sum(units for _, units in _free(item, count, pin, today))


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
