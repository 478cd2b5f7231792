"""Counts the serials at the positions of items, which earlier releases did not."""

from functools import partial

from chassis.jobs.migration import MigrationTools
from chassis.jobs.migration_progress import PageDone
from chassis.unit import Change, View
from services.ics.bin.store import places_of
from services.ics.ledger.balance import Item
from services.ics.ledger.store import ENTRIES, ITEMS
from services.ics.migration.serials import left_behind, recounted, relotted
from services.ics.serial.store import SERIALS, units_of

RECOUNT_ITEMS = 50
"""Items of one page. Each that has serials is corrected in a transaction of its own."""


async def recount(tools: MigrationTools, after: str) -> PageDone:
    """Count the serials at the positions of the next items again, and give each serial the lot of its position."""

    async def read(view: View) -> list[Item]:
        place = (after,) if after else None
        return await view.every_org().find(ITEMS, {}, order=("item_id",), limit=RECOUNT_ITEMS, after=place)

    items = await tools.units.view(tools.call, read)
    ours = [item for item in items if item.serialised and not tools.gate.is_closed_for(item.orgcode)]
    corrected = 0
    for item in ours:
        corrected += bool(await tools.change(item.orgcode, partial(_recount_item, item_id=item.item_id)))
    last = items[-1].item_id if len(items) == RECOUNT_ITEMS else None
    return PageDone(checked=len(ours), corrected=corrected, after=last)


async def _recount_item(change: Change, item_id: str) -> bool:
    """Correct one item and its serials; returns whether anything was wrong."""
    change.own_transaction()
    item = await change.load(ITEMS, item_id)
    serials = await units_of(change, item)
    last = await change.get_many(ENTRIES, [each.last_entry_id for each in serials if each.last_entry_id])
    fixed = [relotted(each, last.get(each.last_entry_id or "")) for each in serials]
    for before, after in zip(serials, fixed, strict=True):
        if after is not before:
            await change.update(SERIALS, after)
    keys = sorted(left_behind(item, fixed), key=repr)
    places = await places_of(change, item.logical_guid, [(key.zone_id, key.bin_id, "") for key in keys])
    counted = recounted(item, fixed, {key: place.landing() for key, place in zip(keys, places, strict=True)})
    if counted != item:
        await change.update(ITEMS, counted)
    return counted != item or fixed != serials
