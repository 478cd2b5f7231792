"""Suggests the facilities to serve an order: a single one if possible, otherwise facilities per line. Pure.

Units of variant v that facility f can serve: a(v, f) = max(0, available - unsellable - safety_stock - held_back).

Single facility: it must cover every line in full. Of several, take the first in the caller's order of preference;
without an order, the one with the highest sum of a(v, f) over the lines, ties broken by `logical_guid`.
No single facility: fill each line from one facility after another, in the caller's order; without an order, by
descending a(v, f), ties broken by `logical_guid`.
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
"""A part lists at most this many positions, the first ones in draw order."""


class AllocationPosition(Value):
    """Units that a draw would take from one position (place and lot)."""

    zone_id: Id | None
    bin_id: Id | None
    lot_code: Lot | None
    expiry_date: DateField | None
    quantity: Qty


class AllocationPart(Value):
    """The units of a line that one facility would serve."""

    logical_guid: Guid
    quantity: Qty
    positions: Annotated[list[AllocationPosition], Meta(min_length=1, max_length=POSITIONS_MAX)]


class AllocationSuggestion(Value):
    """The facilities that would serve a line, and the units that none can serve (`short`)."""

    variant_id: Guid
    requested: Qty
    suggested: Qty0
    short: Qty0
    parts: list[AllocationPart]


class Line(NamedTuple):
    """A requested variant and quantity."""

    variant_id: str
    quantity: int


class Offer(NamedTuple):
    """A facility's item of a variant, and the units of it that can be served, a(v, f)."""

    item: OpenItem
    units: int


def servable(available: int, unsellable: int, safety_stock: int, held_back: int) -> int:
    """Units of a variant that a facility can serve, a(v, f); never below 0."""
    return max(0, available - unsellable - safety_stock - held_back)


Offers = Mapping[tuple[str, str], Offer]
"""Offers by (facility, variant)."""


def suggest(
    lines: Sequence[Line], facilities: Sequence[str], offers: Offers, *, ordered: bool, today: Date
) -> tuple[list[AllocationSuggestion], str | None]:
    """Return one suggestion per line, and the single facility that serves all lines (None if there is none).

    `ordered`: `facilities` is in the caller's order of preference.
    """

    single = _single(lines, facilities, offers, ordered=ordered)
    turn = facilities if single is None else [single]
    return [_filled(line, _in_turn(line, turn, offers, ordered=ordered), offers, today) for line in lines], single


def _units(offers: Offers, facility: str, variant_id: str) -> int:
    offer = offers.get((facility, variant_id))
    return offer.units if offer is not None else 0


def _single(lines: Sequence[Line], facilities: Sequence[str], offers: Offers, *, ordered: bool) -> str | None:
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
    if ordered:
        return facilities
    return sorted(facilities, key=lambda facility: (-_units(offers, facility, line.variant_id), facility))


def _filled(line: Line, turn: Sequence[str], offers: Offers, today: Date) -> AllocationSuggestion:
    rest = line.quantity
    parts = []
    for facility in turn:
        offer = offers.get((facility, line.variant_id))
        quantity = min(rest, offer.units) if offer is not None else 0
        if offer is None or quantity == 0:
            continue
        rest -= quantity
        positions = _positions(offer.item, quantity, today)
        parts.append(AllocationPart(logical_guid=facility, quantity=quantity, positions=positions))
    return AllocationSuggestion(
        variant_id=line.variant_id,
        requested=line.quantity,
        suggested=line.quantity - rest,
        short=rest,
        parts=parts,
    )


def _positions(item: OpenItem, quantity: int, today: Date) -> list[AllocationPosition]:
    takes, lacking = draw(item, "available", quantity, today=today)
    assert lacking == 0, (item.logical_guid, item.variant_id, quantity)
    lots = item.lots
    return [
        AllocationPosition(
            zone_id=key.zone_id,
            bin_id=key.bin_id,
            lot_code=key.lot_code,
            expiry_date=lots[key.lot_code].expiry_date if key.lot_code in lots else None,
            quantity=units,
        )
        for key, units, _ in takes[:POSITIONS_MAX]
    ]
