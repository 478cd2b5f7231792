"""Serials in movements: which of the units a call names go into which of its entries. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from chassis.errors import InvalidState, invalid_field
from services.ics.ledger.balance import Spot
from services.ics.words import Stage


class NamedUnit(NamedTuple):
    """A single unit, where it is said to be, and at which stage if it is a commit's."""

    serial_no: str
    zone_id: str | None = None
    bin_id: str | None = None
    stage: Stage | None = None


class Named:
    """Units to be handed out to entries, in the order given; those already at the entry's place go first.

    `explicit` ones were named by the caller, so every unit moved must be one of them; others are the holder's own, as
    far as they go.
    """

    def __init__(self, units: Iterable[NamedUnit] = (), *, explicit: bool = False) -> None:
        self.units = list(units)
        self.explicit = explicit

    def hand(self, spot: Spot, quantity: int, stage: Stage | None = None) -> list[str]:
        """The serials of so many units taken from a position (and stage)."""
        if not self.units:
            return []
        fitting = [unit for unit in self.units if unit.stage == stage]
        fitting.sort(key=lambda unit: (unit.zone_id, unit.bin_id) != (spot.zone_id, spot.bin_id))
        chosen = fitting[:quantity]
        if self.explicit and len(chosen) < quantity:
            raise InvalidState("fewer of the serials named are at that stage", status=stage or "in_stock")
        self.units = [unit for unit in self.units if unit not in chosen]
        return [unit.serial_no for unit in chosen]

    def check_all_handed(self) -> None:
        """Refuse units named beyond those that moved."""
        if self.explicit and self.units:
            raise invalid_field("serials", "names more serials than units move")
