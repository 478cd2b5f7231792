"""Serials in movements: where a unit with a serial number is, and the units that a call names. Pure."""

from collections.abc import Iterable, Sequence
from typing import Literal, NamedTuple

from chassis.clock import Date
from services.ics.ledger.balance import PositionKey

ANYONE = "*"
"""In place of a holder id: any holder, or none."""

SerialState = Literal["shelf", "quarantine", "damaged", "consignment", "picked", "packed", "in_transit"]
"""What a unit counts as at its position. Available, reserved and open ones are on the shelf: promises name no units."""


class SerialAccount(NamedTuple):
    """Where a unit is: its position, what it counts as there, and its holder (None on the shelf)."""

    logical_guid: str
    key: PositionKey
    state: SerialState
    holder_id: str | None = None

    @property
    def counter(self) -> str | None:
        """The field of `StockPosition` that counts the serials of the account; None for units of a holder."""
        return _COUNTERS.get(self.state) if self.holder_id is None else None


_COUNTERS: dict[SerialState, str] = {
    "shelf": "serials",
    "quarantine": "quarantine_serials",
    "damaged": "damaged_serials",
}


class NamedUnit(NamedTuple):
    """A unit with a serial number. `account` None: it is in no stock account."""

    serial_no: str
    account: SerialAccount | None = None
    blocked: bool = False
    expiry_date: Date | None = None

    def sellable(self, today: Date) -> bool:
        """Whether it may be sold on `today`, whatever its lot: not blocked, and not past its date."""
        return not self.blocked and (self.expiry_date is None or self.expiry_date >= today)


class Named:
    """The units that a call names, and that its entries have not moved yet. Empty: it names none, and units are moved
    as `Posting.move` chooses them."""

    def __init__(self, units: Iterable[NamedUnit] = ()) -> None:
        self.units = list(units)
        self.explicit = bool(self.units)
        self._all = self.units

    def numbers(self) -> list[str] | None:
        """The serial numbers; None if the call names none."""
        return [unit.serial_no for unit in self.units] if self.explicit else None

    def keys(self) -> list[PositionKey]:
        """The positions of the units, without repetition."""
        return list(dict.fromkeys(unit.account.key for unit in self.units if unit.account is not None))

    def count_at(self, key: PositionKey) -> int:
        """How many of the units are at a position."""
        return sum(unit.account is not None and unit.account.key == key for unit in self.units)

    @property
    def holder_ids(self) -> set[str]:
        """The holders in whose names the units are."""
        accounts = (unit.account for unit in self.units)
        return {each.holder_id for each in accounts if each is not None and each.holder_id is not None}

    def take(self, account: SerialAccount, quantity: int) -> list[str]:
        """Remove and return the serials of at most `quantity` units in an account."""
        found = [unit.serial_no for unit in self.units if unit.account == account][:quantity]
        gone = set(found)
        self.units = [unit for unit in self.units if unit.serial_no not in gone]
        return found

    def put_back(self, takes: Iterable[tuple[object, int, Sequence[str] | None]]) -> None:
        """Undo `take` for takes that are not carried out."""
        again = {serial_no for _, _, serials in takes for serial_no in serials or ()}
        if again:
            left = {unit.serial_no for unit in self.units} | again
            self.units = [unit for unit in self._all if unit.serial_no in left]


UNNAMED = Named()
"""A call that names no units. It has none to lose, so all calls share it."""


def in_turn(units: Iterable[NamedUnit], today: Date, *, sellable_lot: bool) -> Sequence[NamedUnit]:
    """Units in the order in which a call that names none takes them: by number, unsellable ones last."""
    return sorted(units, key=lambda unit: (sellable_lot and not unit.sellable(today), unit.serial_no))
