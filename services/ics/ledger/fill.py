"""Fill: what was promised beyond stock gets units as soon as there are some. Pure.

While available is below zero at the shortfall position, any sellable unit that appears elsewhere goes to those who hold
at that position: commits before reservations and allocations, then whoever promised first.
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
"""Stages of promised units still on the shelf, commits first."""


class FillStep(NamedTuple):
    """Units of one holder that leave the shortfall position, and where they are from now on."""

    holding: Holding
    part: Part
    takes: list[Take]

    @property
    def quantity(self) -> int:
        return sum(take.quantity for take in self.takes)


def plan_fill(item: OpenItem, holdings: Iterable[Holding], today: Date) -> list[FillStep]:
    """Who gets which units, in order; empty where nothing is short or nothing is there."""
    short = item.shortfall
    if short == 0:
        return []
    supplies = [Take(position.key, position.available) for position in reversed(free(item, "available", today=today))]
    steps: list[FillStep] = []
    for holding, part in waiting(item, holdings):
        wanted = min(short, holding.parts[part])
        takes: list[Take] = []
        while wanted and supplies:
            key, there = supplies.pop()
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
    """Holders at the shortfall position, whoever is to be served first in front."""
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
