"""Changes what positions repeat of their place: the purpose of a zone, and whether a bin is counted.

A position keeps its zone's purpose, for the draw order, and whether its units count towards the capacity of its bin. A
transaction changes at most `ITEMS_MAX` items, so that a place with thousands of items delays no other call.
"""

from collections.abc import Callable
from functools import partial

from msgspec.structs import replace

from chassis.caller import Call
from chassis.repeated import Beforehand
from chassis.unit import Change, Units
from services.ics.ledger.balance import Item, StockPosition
from services.ics.ledger.lookup import bin_key, zone_key
from services.ics.ledger.store import BIN_UNITS, ITEMS, BinUnits

ITEMS_MAX = 200
"""Most items that one transaction changes."""

HEAVY_ITEMS = 20
"""A call that changes more items than this commits in its own transaction, outside the shared batch."""

_ORDER = ("logical_guid", "variant_id")

ItemMark = tuple[str, str, str]
"""Where an item stands among those of a place: facility, variant, id."""


async def repurpose(change: Change, zone_id: str, purpose: str, after: ItemMark | None = None) -> ItemMark | None:
    """Give the positions in a zone its new purpose: of up to `ITEMS_MAX` items behind `after`. Returns the last of them
    if there may be more, else None. Index: spots."""
    where = {"spots": zone_key(zone_id)}
    bite = change.bite(ITEMS_MAX)
    items = await change.find(ITEMS, where, order=_ORDER, limit=bite, after=after)
    if len(items) > HEAVY_ITEMS:
        change.own_transaction()
    for item in items:
        await _change_positions(
            change,
            item,
            lambda position: position.zone_id == zone_id and position.purpose != purpose,
            lambda position: replace(position, purpose=purpose),
        )
    if len(items) < bite:
        return None
    last = items[-1]
    return last.logical_guid, last.variant_id, last.item_id


async def count_bin(change: Change, bin_id: str) -> None:
    """Count the units in a bin that gets a capacity; from now on every movement at the bin keeps the count.

    If more than `ITEMS_MAX` items are not counted yet, raises `Beforehand`: they are counted in transactions of their
    own, and the call is run again. Reads all items in the bin. Index: spots.
    """
    left = await _count_some(change, bin_id)
    if left:
        raise Beforehand(partial(_count_beforehand, call=change.call, bin_id=bin_id))


async def _count_beforehand(units: Units, call: Call, bin_id: str) -> None:
    while await units.change(call, partial(_count_some, bin_id=bin_id)):
        pass


async def _count_some(change: Change, bin_id: str) -> bool:
    """Count the units of up to `ITEMS_MAX` items in a bin that are not counted yet; returns whether more are left."""

    def is_uncounted(position: StockPosition) -> bool:
        return position.bin_id == bin_id and not position.capped

    items = await change.find_all(ITEMS, {"spots": bin_key(bin_id)}, order=_ORDER)
    uncounted = [item for item in items if any(map(is_uncounted, item.cells))]
    if len(uncounted) > HEAVY_ITEMS:
        change.own_transaction()
    now = uncounted[: change.bite(ITEMS_MAX)]
    units = sum(position.on_hand for item in now for position in item.cells if is_uncounted(position))
    known = await change.get(BIN_UNITS, bin_id)
    for item in now:
        await _change_positions(change, item, is_uncounted, lambda position: replace(position, capped=True))
    if known is None:
        await change.insert(BIN_UNITS, BinUnits(bin_id=bin_id, units=units))
    elif units:
        await change.update(BIN_UNITS, replace(known, units=known.units + units))
    return len(uncounted) > len(now)


async def _change_positions(
    change: Change,
    item: Item,
    asked: Callable[[StockPosition], bool],
    changed: Callable[[StockPosition], StockPosition],
) -> None:
    """Store the item with those of its positions changed that `asked` names; nothing if there are none."""
    if any(map(asked, item.cells)):
        cells = [changed(position) if asked(position) else position for position in item.cells]
        await change.update(ITEMS, replace(item, cells=cells))
