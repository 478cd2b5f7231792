"""Reads the terms of availability from one snapshot: items, lots, overdue promises, policies, holdbacks, and units
inbound by a date."""

from collections.abc import Sequence
from typing import NamedTuple

from chassis.clock import day_of
from chassis.unit import View
from chassis.values import Date
from services.ics.atp.domain import AtpFacility, AtpItem, Terms, facility_atp, item_atp, terms_of
from services.ics.holdback.store import HOLDBACKS, held_back_from, item_keys
from services.ics.ledger.balance import Item
from services.ics.ledger.holder import HOLDER_KINDS
from services.ics.ledger.lot import Lot, is_sellable
from services.ics.ledger.promises import overdue_promises
from services.ics.ledger.store import facilities_with, items_of_many
from services.ics.policy.domain import PolicyValues, scope_keys
from services.ics.policy.store import POLICIES, ruling_many
from services.ics.serial.ledger_lots import ledger_lots

FACILITIES_MAX = 50
"""Most facilities of one query. If the caller names none, the first ones by `logical_guid` that have the variant."""

ItemKey = tuple[str, str]
"""(facility, variant): `logical_guid` and `variant_id`."""


async def facilities_of(view: View, variants: Sequence[str], named: Sequence[str] | None) -> dict[str, list[str]]:
    """The facilities to query for each variant: the named ones, otherwise the first `FACILITIES_MAX` that have it."""
    if named is not None:
        return {variant: list(named) for variant in variants}
    found = await view.together(facilities_with(view, variant, FACILITIES_MAX) for variant in variants)
    return dict(zip(variants, found, strict=True))


class Basis(NamedTuple):
    """Items, their lots and the policies in force, each by (facility, variant)."""

    items: dict[ItemKey, Item]
    lots: dict[ItemKey, dict[str, Lot]]
    policies: dict[ItemKey, PolicyValues]


async def basis_of(view: View, keys: Sequence[ItemKey]) -> Basis:
    """Read the basis of these items; an item without any entry is included with all quantities 0. Read by id, and by
    the indexes scope and number.
    """
    scopes = dict.fromkeys(scope for facility, variant in keys for scope in scope_keys(variant, facility))
    view.prefetch(POLICIES, scopes, by="scope")
    items = await items_of_many(view, keys)
    lots = await ledger_lots(view, [(item.variant_id, item.lot_codes) for item in items.values()])
    policies = await ruling_many(view, [(variant, facility) for facility, variant in keys])
    return Basis(
        items=items,
        lots={(facility, variant): lots.get(variant, {}) for facility, variant in items},
        policies={(facility, variant): policies[variant, facility] for facility, variant in items},
    )


async def atp_of(
    view: View, asked: dict[str, list[str]], channel: str | None, by_date: Date | None = None
) -> list[AtpItem]:
    """The units that can be promised of each variant in each of its facilities (`asked`).

    `channel` None deducts only the holdbacks that apply to every channel. `by_date` adds units expected by that day.
    """
    keys = [(facility, variant) for variant, facilities in asked.items() for facility in facilities]
    view.prefetch(HOLDBACKS, item_keys(keys, channel), by="item")
    basis = await basis_of(view, keys)
    terms = await _terms(view, basis, by_date)
    withheld = await held_back_from(view, keys, channel)

    def answer(facility: str, variant: str) -> AtpFacility:
        key = (facility, variant)
        return facility_atp(facility, terms[key], basis.policies[key], withheld[key])

    return [
        item_atp(variant, [answer(facility, variant) for facility in facilities])
        for variant, facilities in asked.items()
    ]


async def _terms(view: View, basis: Basis, by_date: Date | None) -> dict[ItemKey, Terms]:
    items, lots, today = basis.items, basis.lots, day_of(view.now)
    overdue = await view.together(_overdue_units(view, item, lots[key], today) for key, item in items.items())
    inbound = await view.together(_inbound_units(view, item, by_date) for item in items.values())
    return {
        key: terms_of(item, lots[key], today, units, coming)
        for (key, item), units, coming in zip(items.items(), overdue, inbound, strict=True)
    }


async def _overdue_units(view: View, item: Item, lots: dict[str, Lot], today: Date) -> int:
    """Units of sellable lots that are held by overdue promises."""
    # The item stores the earliest expiry of its promises, so most items need no query.
    if item.lapse_utc is None or item.lapse_utc > view.now:
        return 0
    overdue = await overdue_promises(view, item.logical_guid, item.variant_id, view.now)
    held = [each for promise in overdue for each in promise.positions]
    return sum(each.quantity for each in held if is_sellable(lots, each.lot_code, today))


async def _inbound_units(view: View, item: Item, by_date: Date | None) -> int:
    """Units in transit to an item that are expected by `by_date`. Units without an expected date are not counted."""
    if by_date is None or item.in_transit == 0:
        return 0
    units = 0
    for kind in HOLDER_KINDS.values():
        if kind.arrives is not None and kind.find is not None:
            for record in await kind.find(view, item.logical_guid, item.variant_id):
                day = kind.arrives(record)
                if day is not None and day <= by_date:
                    units += sum(kind.parts(record, item.variant_id).values())
    return units
