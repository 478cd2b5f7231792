"""Serials in movements: which of the units a call names go into which of its entries. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from chassis.errors import InvalidState, invalid_field
from services.ics.ledger.balance import PositionKey
from services.ics.words import Stage

ANYONE = "*"
"""In place of a holder: whoever it is, or no one."""


class NamedUnit(NamedTuple):
    """A single unit, where it is said to be, at which stage if it is a commit's, and whose if it is not good stock."""

    serial_no: str
    zone_id: str | None = None
    bin_id: str | None = None
    stage: Stage | None = None
    held_by_id: str | None = None


class Named:
    """Units to be handed out to entries, in the order given; those already at the entry's place go first.

    `explicit` ones were named by the caller, so every unit moved must be one of them; others are the holder's own, as
    far as they go.
    """

    def __init__(self, units: Iterable[NamedUnit] = (), *, explicit: bool = False) -> None:
        self.units = list(units)
        self.explicit = explicit

    def hand(
        self, key: PositionKey, quantity: int, stage: Stage | None = None, held_by_id: str | None = ANYONE
    ) -> list[str]:
        """The serials of so many units taken from a position (and stage, and holder)."""
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
        """How many of so many units may be taken at a stage from a holder: those named there, if any are named."""
        if not self.explicit:
            return quantity
        return min(quantity, sum(_fits(unit, stage, held_by_id) for unit in self.units))

    def check_all_handed(self) -> None:
        """Refuse units named beyond those that moved."""
        if self.explicit and self.units:
            raise invalid_field("serials", "names more serials than units move")


def _fits(unit: NamedUnit, stage: Stage | None, held_by_id: str | None) -> bool:
    return unit.stage == stage and held_by_id in {ANYONE, unit.held_by_id}


def named_at(stage: Stage | None, held_by_id: str, *, on_shelf: bool) -> tuple[Stage | None, str | None]:
    """The stage and holder that units named for a part of a holder's are known by: on the shelf good stock is nobody's,
    since promises name no units."""
    return (None, None) if on_shelf else (stage, held_by_id)
