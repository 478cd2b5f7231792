"""What a suggestion weighs, read at one moment: items and their lots, policies, and what was shipped lately."""

from collections.abc import Sequence

from chassis.clock import day_of, days_after, start_of
from chassis.unit import View, want
from services.ics.atp.domain import unsellable_units
from services.ics.atp.reading import facilities_of
from services.ics.ledger.balance import item_id_of
from services.ics.ledger.store import ITEMS, items_of_many, units_shipped
from services.ics.policy.domain import scope_keys
from services.ics.policy.store import POLICIES, ruling_many
from services.ics.reads import together
from services.ics.serial.store import ledger_lots
from services.ics.transfer.suggest import SHIPPED_DAYS, Facts


async def facts_of(view: View, variants: Sequence[str], named: Sequence[str] | None) -> list[list[Facts]]:
    """What is known of each variant, once each and as asked, in the facilities named, or in all that keep it."""
    asked = await facilities_of(view, list(dict.fromkeys(variants)), list(dict.fromkeys(named)) if named else None)
    keys = [(facility, variant) for variant, facilities in asked.items() for facility in facilities]
    orgcode = view.call.orgcode
    scopes = dict.fromkeys(scope for facility, variant in keys for scope in scope_keys(variant, facility))
    await view.prefetch(
        want(ITEMS, [item_id_of(orgcode, *key) for key in keys]),
        want(POLICIES, scopes, by="scope"),
    )
    items = await items_of_many(view, keys)
    lots = await ledger_lots(view, [(item.variant_id, item.lot_codes()) for item in items.values()])
    policies = await ruling_many(view, [(variant, facility) for facility, variant in keys])
    today = day_of(view.now)
    since, until = start_of(days_after(today, -SHIPPED_DAYS)), start_of(today)
    moved = [key for key, item in items.items() if item.seq]
    units = await together(units_shipped(view, *key, since, until) for key in moved)
    shipped = dict(zip(moved, units, strict=True))

    def facts(facility: str, variant: str) -> Facts:
        item = items[facility, variant]
        return Facts(
            variant_id=variant,
            logical_guid=facility,
            available=item.available,
            unsellable=unsellable_units(item, lots.get(variant, {}), today),
            inbound=item.in_transit,
            safety_stock=policies[variant, facility].safety_stock,
            shipped=shipped.get((facility, variant), 0),
        )

    return [[facts(facility, variant) for facility in facilities] for variant, facilities in asked.items()]
