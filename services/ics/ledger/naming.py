"""Serials in movements: assigns the serials that a call names to its entries. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from chassis.errors import InvalidState, invalid_field
from services.ics.ledger.balance import PositionKey
from services.ics.words import Stage

ANYONE = "*"
"""In place of a holder id: any holder, or none."""


class NamedUnit(NamedTuple):
    """A unit with a serial number, and where its record says it is: place, stage (commits), and holder (None for good
    stock)."""

    serial_no: str
    zone_id: str | None = None
    bin_id: str | None = None
    stage: Stage | None = None
    held_by_id: str | None = None


class Named:
    """Units to be assigned to entries in the given order; units already at the place of the entry go first.

    `explicit`: the caller named the units, so every unit moved must be one of them. If not, they are the holder's own
    units, and an entry may move more units than have serials.
    """

    def __init__(self, units: Iterable[NamedUnit] = (), *, explicit: bool = False) -> None:
        self.units = list(units)
        self.explicit = explicit

    def hand(
        self, key: PositionKey, quantity: int, stage: Stage | None = None, held_by_id: str | None = ANYONE
    ) -> list[str]:
        """Remove and return the serials of `quantity` units taken from a position, stage and holder. Raises
        `InvalidState` if the units are explicit and too few match."""
        if not self.units:
            return []
        fitting = [unit for unit in self.units if _fits(unit, stage, held_by_id)]
        fitting.sort(key=lambda unit: (unit.zone_id, unit.bin_id) != (key.zone_id, key.bin_id))
        chosen = fitting[:quantity]
        if self.explicit and len(chosen) < quantity:
            raise InvalidState("fewer of the serials named are at that stage", status=stage or "in_stock")
        self.units = [unit for unit in self.units if unit not in chosen]
        return [unit.serial_no for unit in chosen]

    def at_most(self, quantity: int, stage: Stage | None, held_by_id: str | None) -> int:
        """The units, up to `quantity`, that may be taken at a stage from a holder; explicit units limit it."""
        if not self.explicit:
            return quantity
        return min(quantity, sum(_fits(unit, stage, held_by_id) for unit in self.units))

    def check_all_handed(self) -> None:
        """Raises `Invalid` if the caller named more serials than units moved."""
        if self.explicit and self.units:
            raise invalid_field("serials", "names more serials than units move")


def _fits(unit: NamedUnit, stage: Stage | None, held_by_id: str | None) -> bool:
    return unit.stage == stage and held_by_id in {ANYONE, unit.held_by_id}


def named_at(stage: Stage | None, held_by_id: str, *, on_shelf: bool) -> tuple[Stage | None, str | None]:
    """The stage and holder in the serial records of a holder's units. Units on the shelf have neither, because promises
    do not name serials."""
    return (None, None) if on_shelf else (stage, held_by_id)
