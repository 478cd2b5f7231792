"""Reads the units each facility can serve, from one snapshot of items, lots, policies and holdbacks."""

from collections.abc import Sequence

from chassis.clock import day_of
from chassis.unit import View
from services.ics.allocation.suggest import Offer, servable
from services.ics.atp.domain import unsellable_units
from services.ics.atp.reading import ItemKey, basis_of
from services.ics.holdback.store import HOLDBACKS, held_back_from, item_keys
from services.ics.ledger.open_item import OpenItem


async def offers_of(
    view: View, variants: Sequence[str], facilities: Sequence[str], channel: str | None
) -> dict[ItemKey, Offer]:
    """The units each facility can serve of each variant, keyed by (facility, variant).

    `channel` None deducts only the holdbacks that apply to every channel.
    """
    keys = [(facility, variant) for variant in variants for facility in facilities]
    view.prefetch(HOLDBACKS, item_keys(keys, channel), by="item")
    basis = await basis_of(view, keys)
    withheld = await held_back_from(view, keys, channel)
    today = day_of(view.now)
    found: dict[ItemKey, Offer] = {}
    for key, item in basis.items.items():
        lots = basis.lots[key]
        unsellable = unsellable_units(item.cells, lots, today)
        units = servable(item.available, unsellable, basis.policies[key].safety_stock, withheld[key])
        found[key] = Offer(OpenItem(item, lots), units)
    return found
