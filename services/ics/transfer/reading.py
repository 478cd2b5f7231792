"""Reads the data for transfer suggestions: items, lots, policies, and recent shipments."""

from collections.abc import Iterable, Sequence

from chassis.clock import Date, day_of, days_after
from chassis.unit import View
from services.ics.atp.domain import unsellable_units
from services.ics.atp.reading import basis_of, facilities_of
from services.ics.demand.domain import ShippedMonth, daily
from services.ics.demand.store import shipped_until
from services.ics.transfer.suggest import SHIPPED_DAYS, SuggestFacts


async def facts_of(view: View, variants: Sequence[str], named: Sequence[str] | None) -> list[list[SuggestFacts]]:
    """The data of each distinct variant, in the order asked, in the named facilities or in all that stock it."""
    asked = await facilities_of(view, list(dict.fromkeys(variants)), list(dict.fromkeys(named)) if named else None)
    keys = [(facility, variant) for variant, facilities in asked.items() for facility in facilities]
    basis = await basis_of(view, keys)
    today = day_of(view.now)
    yesterday = days_after(today, -1)
    months = await view.together(shipped_until(view, variant, yesterday, None, None) for variant in asked)
    shipped = {variant: _shipped(each, yesterday) for variant, each in zip(asked, months, strict=True)}

    def facts(facility: str, variant: str) -> SuggestFacts:
        item = basis.items[facility, variant]
        return SuggestFacts(
            variant_id=variant,
            logical_guid=facility,
            available=item.available,
            unsellable=unsellable_units(item.cells, basis.lots[facility, variant], today),
            inbound=item.in_transit,
            safety_stock=basis.policies[facility, variant].safety_stock,
            shipped=shipped[variant].get(facility, 0),
        )

    return [[facts(facility, variant) for facility in facilities] for variant, facilities in asked.items()]


def _shipped(months: Iterable[ShippedMonth], as_of: Date) -> dict[str, int]:
    """Units of a variant shipped in the last `SHIPPED_DAYS` days up to and including `as_of`, by facility."""
    by_facility: dict[str, list[ShippedMonth]] = {}
    for month in months:
        by_facility.setdefault(month.logical_guid, []).append(month)
    return {facility: sum(daily(each, as_of)[:SHIPPED_DAYS]) for facility, each in by_facility.items()}
