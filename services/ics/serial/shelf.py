"""What an item counts of the serials at its positions, kept when the data of a serial change without a movement."""

from chassis.unit import Change
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.store import ITEMS, item_of
from services.ics.serial.domain import SerialUnit, as_named


async def recount(change: Change, before: SerialUnit, after: SerialUnit) -> None:
    """Count a single unit on the shelf as it is after the change, so that it lowers or raises promisable at once. Its
    item is written too: whoever promises or moves units of it at the same time starts again."""
    if before.kind != "serial" or before.status != "in_stock" or before.logical_guid is None:
        return
    was, now = as_named(before), as_named(after)
    if was == now or was.account is None:
        return
    item = OpenItem(await item_of(change, before.logical_guid, before.variant_id))
    item.mark(was.account, was, -1)
    item.mark(was.account, now, 1)
    await change.update(ITEMS, item.close(change.now))
