"""Items as a call finds them on the floor: with what is known of their lots, and with places by their codes."""

from collections.abc import Iterable

from chassis.unit import Change
from services.ics.ledger.balance import Item, Page
from services.ics.ledger.books import Books
from services.ics.ledger.post import open_page
from services.ics.ledger.store import item_of, items_of_many
from services.ics.serial.store import ledger_lots


async def open_item(change: Change, books: Books, variant_id: str, lot_codes: Iterable[str] = ()) -> Page:
    """Open a variant in the call's facility; `lot_codes` are lots beside those it has there."""
    item = await item_of(change, change.call.logical_guid, variant_id)
    return await _open(change, books, item, lot_codes)


async def open_items(change: Change, books: Books, variants: Iterable[str], lot_codes: Iterable[str] = ()) -> None:
    """Open several variants in the call's facility; they are in `books.pages` then."""
    facility = change.call.logical_guid
    items = await items_of_many(change, [(facility, variant_id) for variant_id in dict.fromkeys(variants)])
    lots = await ledger_lots(change, [(item.variant_id, item.lot_codes() | set(lot_codes)) for item in items.values()])
    for item in items.values():
        await open_page(change, books, item, lots.get(item.variant_id, {}))


async def _open(change: Change, books: Books, item: Item, lot_codes: Iterable[str]) -> Page:
    codes = item.lot_codes().union(lot_codes)
    lots = (await ledger_lots(change, [(item.variant_id, codes)])).get(item.variant_id, {}) if codes else {}
    return await open_page(change, books, item, lots)
