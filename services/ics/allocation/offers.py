"""What facilities can serve, read at one moment: items and their lots, policies and holdbacks."""

from collections.abc import Sequence

from chassis.clock import day_of
from chassis.unit import View, want
from services.ics.allocation.suggest import Offer, servable
from services.ics.atp.domain import unsellable_units
from services.ics.holdback.store import HOLDBACKS, held_back_from, item_keys
from services.ics.ledger.balance import Page, item_id_of
from services.ics.ledger.store import ITEMS, items_of_many
from services.ics.policy.domain import scope_keys
from services.ics.policy.store import POLICIES, ruling_many
from services.ics.serial.store import ledger_lots


async def offers_of(
    view: View, variants: Sequence[str], facilities: Sequence[str], channel: str | None
) -> dict[tuple[str, str], Offer]:
    """What each facility can serve of each variant on a channel, or on none in particular; by facility and variant."""
    keys = [(facility, variant) for variant in variants for facility in facilities]
    orgcode = view.call.orgcode
    scopes = dict.fromkeys(scope for facility, variant in keys for scope in scope_keys(variant, facility))
    await view.prefetch(
        want(ITEMS, [item_id_of(orgcode, *key) for key in keys]),
        want(POLICIES, scopes, by="scope"),
        want(HOLDBACKS, item_keys(keys, channel), by="item"),
    )
    items = await items_of_many(view, keys)
    lots = await ledger_lots(view, [(item.variant_id, item.lot_codes()) for item in items.values()])
    policies = await ruling_many(view, [(variant, facility) for facility, variant in keys])
    withheld = await held_back_from(view, keys, channel)
    today = day_of(view.now)
    found: dict[tuple[str, str], Offer] = {}
    for key, item in items.items():
        facility, variant = key
        known = lots.get(variant, {})
        unsellable = unsellable_units(item, known, today)
        units = servable(item.available, unsellable, policies[variant, facility].safety_stock, withheld[key])
        found[key] = Offer(Page(item, known), units)
    return found
