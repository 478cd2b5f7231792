"""Which facilities should serve an order: one for everything where one can, otherwise line by line. Pure.

A facility can serve a(v, f) = max(0, available - unsellable - safety_stock - held_back) units of a variant. One that
can serve every line whole serves them all: the first in the caller's order; without one, whichever can serve most over
the lines, then by `logical_guid`. Where none can, each line is filled facility by facility: in the caller's order;
without one, those that can serve most first, then by `logical_guid`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

from msgspec import Meta

from chassis.clock import Date
from chassis.entity import Value
from chassis.values import Date as DateField
from chassis.values import Guid, Id, Lot, Qty, Qty0
from services.ics.ledger.draw import draw
from services.ics.ledger.open_item import OpenItem

POSITIONS_MAX = 500
"""Most positions one part lists, the first in draw order."""


class AllocationPosition(Value):
    """Units a draw would take at one place, of one lot."""

    zone_id: Id | None
    bin_id: Id | None
    lot_code: Lot | None
    expiry_date: DateField | None
    quantity: Qty


class AllocationPart(Value):
    """What one facility would serve of a line."""

    logical_guid: Guid
    quantity: Qty
    positions: Annotated[list[AllocationPosition], Meta(min_length=1, max_length=POSITIONS_MAX)]


class AllocationSuggestion(Value):
    """Who would serve a line, and how much of it nobody can."""

    variant_id: Guid
    requested: Qty
    suggested: Qty0
    short: Qty0
    parts: list[AllocationPart]


class Line(NamedTuple):
    """What is asked for of a variant."""

    variant_id: str
    quantity: int


class Offer(NamedTuple):
    """What a facility has of a variant, and how many units of it can be served: a(v, f)."""

    page: OpenItem
    units: int


def servable(available: int, unsellable: int, safety_stock: int, held_back: int) -> int:
    """a(v, f): units a facility can serve of a variant."""
    return max(0, available - unsellable - safety_stock - held_back)


Offers = Mapping[tuple[str, str], Offer]
"""By facility and variant."""


def suggest(
    lines: Sequence[Line], facilities: Sequence[str], offers: Offers, *, ordered: bool, today: Date
) -> tuple[list[AllocationSuggestion], str | None]:
    """A suggestion for each line, and the facility that serves them all, if one can.

    `ordered` says that the facilities stand in the caller's order of preference.
    """

    single = _single(lines, facilities, offers, ordered=ordered)
    turn = facilities if single is None else [single]
    return [_filled(line, _in_turn(line, turn, offers, ordered=ordered), offers, today) for line in lines], single


def _units(offers: Offers, facility: str, variant_id: str) -> int:
    offer = offers.get((facility, variant_id))
    return offer.units if offer is not None else 0


def _single(lines: Sequence[Line], facilities: Sequence[str], offers: Offers, *, ordered: bool) -> str | None:
    """The facility that serves every line, if one can."""
    able = [
        facility
        for facility in facilities
        if all(_units(offers, facility, line.variant_id) >= line.quantity for line in lines)
    ]
    if not able:
        return None
    if ordered:
        return able[0]
    most = {facility: sum(_units(offers, facility, line.variant_id) for line in lines) for facility in able}
    return min(able, key=lambda facility: (-most[facility], facility))


def _in_turn(line: Line, facilities: Sequence[str], offers: Offers, *, ordered: bool) -> Sequence[str]:
    """Facilities, the one to ask first in front."""
    if ordered:
        return facilities
    return sorted(facilities, key=lambda facility: (-_units(offers, facility, line.variant_id), facility))


def _filled(line: Line, turn: Sequence[str], offers: Offers, today: Date) -> AllocationSuggestion:
    """The line, filled from the facilities in turn."""
    rest = line.quantity
    parts = []
    for facility in turn:
        offer = offers.get((facility, line.variant_id))
        quantity = min(rest, offer.units) if offer is not None else 0
        if offer is None or quantity == 0:
            continue
        rest -= quantity
        positions = _positions(offer.page, quantity, today)
        parts.append(AllocationPart(logical_guid=facility, quantity=quantity, positions=positions))
    return AllocationSuggestion(
        variant_id=line.variant_id,
        requested=line.quantity,
        suggested=line.quantity - rest,
        short=rest,
        parts=parts,
    )


def _positions(page: OpenItem, quantity: int, today: Date) -> list[AllocationPosition]:
    """What a draw of so many units would take now."""
    takes, lacking = draw(page, "available", quantity, today=today)
    assert lacking == 0, (page.logical_guid, page.variant_id, quantity)
    lots = page.lots
    return [
        AllocationPosition(
            zone_id=spot.zone_id,
            bin_id=spot.bin_id,
            lot_code=spot.lot_code,
            expiry_date=lots[spot.lot_code].expiry_date if spot.lot_code in lots else None,
            quantity=units,
        )
        for spot, units in takes[:POSITIONS_MAX]
    ]
