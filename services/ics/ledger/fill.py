"""Fill: assigns units to promises made beyond stock, as soon as units become available. Pure.

While available is below 0 at the shortfall position, sellable units that become available elsewhere go to the holders
at that position: commits before reservations and allocations, older promises first.
"""

from collections.abc import Iterable
from typing import NamedTuple

from chassis.clock import Date
from services.ics.ledger.balance import SHORTFALL
from services.ics.ledger.draw import Take, free
from services.ics.ledger.holder import Holding, Part
from services.ics.ledger.open_item import OpenItem
from services.ics.words import Stage

FILLABLE: tuple[tuple[Stage | None, int], ...] = (("open", 0), (None, 1))
"""Stages of promised units that are still on the shelf, with their rank: commits first."""


class FillStep(NamedTuple):
    """Units of one holder that leave the shortfall position, and the positions they are taken from instead."""

    holding: Holding
    part: Part
    takes: list[Take]

    @property
    def quantity(self) -> int:
        return sum(take.quantity for take in self.takes)


def plan_fill(item: OpenItem, holdings: Iterable[Holding], today: Date) -> list[FillStep]:
    """The fill steps, in order of priority; empty if there is no shortfall or no sellable unit."""
    short = item.shortfall
    if short == 0:
        return []
    supplies = [Take(position.key, units) for position, units in reversed(free(item, "available", today=today))]
    steps: list[FillStep] = []
    for holding, part in waiting(item, holdings):
        wanted = min(short, holding.parts[part])
        takes: list[Take] = []
        while wanted and supplies:
            key, there, _ = supplies.pop()
            units = min(wanted, there)
            takes.append(Take(key, units))
            if there > units:
                supplies.append(Take(key, there - units))
            wanted -= units
            short -= units
        if takes:
            steps.append(FillStep(holding, part, takes))
        if not short or not supplies:
            break
    return steps


def waiting(item: OpenItem, holdings: Iterable[Holding]) -> list[tuple[Holding, Part]]:
    """Holders with units at the shortfall position, in order of priority."""
    ranks = dict(FILLABLE)
    found = [
        (holding, part)
        for holding in holdings
        if holding.item is item and holding.type in {"commit", "reservation", "allocation"}
        for part, quantity in holding.parts.items()
        if quantity > 0 and part.key == SHORTFALL and part.stage in ranks
    ]
    found.sort(key=lambda each: (ranks[each[1].stage], each[0].id))
    return found
