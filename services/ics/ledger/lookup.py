"""The lookup values of items (`spots`, `stocked`) and of entries (all their derived fields). Pure."""

from services.ics.ledger.balance import Item
from services.ics.ledger.entry import Account, StockCardEntry
from services.ics.words import BUCKETS


def zone_key(zone_id: str) -> str:
    """The value in `spots` for a zone."""
    return f"z:{zone_id}"


def bin_key(bin_id: str) -> str:
    """The value in `spots` for a bin."""
    return f"b:{bin_id}"


def lot_key(lot_code: str) -> str:
    """The value in `spots` for a lot."""
    return f"l:{lot_code}"


def variant_key(variant_id: str) -> str:
    """The value in `spots` of items and `refs` of entries for a variant."""
    return f"v:{variant_id}"


def facility_key(logical_guid: str) -> str:
    """The value in `refs` of entries and `spots` of items for a facility."""
    return f"f:{logical_guid}"


def serial_ref(serial_no: str) -> str:
    """The value in `refs` for a serial number, of any variant."""
    return f"s:{serial_no}"


def lot_ref(variant_id: str, lot_code: str) -> str:
    """The value in `refs` for a lot of a variant."""
    return f"l:{variant_id}/{lot_code}"


def order_key(order_ref: str) -> str:
    """The value in `refs` for an order."""
    return f"o:{order_ref}"


EVERYTHING = "*"
"""A value in `spots` of every item and `refs` of every entry: finds all of them."""


def item_lookups(item: Item) -> list[str]:
    """The values of `spots`: variant, facility, lots, and the zones and bins of its positions."""
    found = {EVERYTHING, variant_key(item.variant_id), facility_key(item.logical_guid)}
    found.update(lot_key(each.lot_code) for each in item.coming)
    for position in item.cells:
        if position.zone_id is not None:
            found.add(zone_key(position.zone_id))
        if position.bin_id is not None:
            found.add(bin_key(position.bin_id))
        if position.lot_code is not None:
            found.add(lot_key(position.lot_code))
    return sorted(found)


def stocked_buckets(item: Item) -> list[str]:
    """The buckets whose total is not 0."""
    return [bucket for bucket in BUCKETS if getattr(item, bucket)]


def item_key(logical_guid: str, variant_id: str) -> str:
    """The value of `item` and `other_item` in entries for an item."""
    return f"{logical_guid}/{variant_id}"


def _first(entry: StockCardEntry) -> Account:
    """The side of the entry's first item: the source, or the target if the source is external."""
    return entry.from_account if entry.from_account.seq is not None else entry.to_account


def _second(entry: StockCardEntry) -> Account | None:
    """The side of the second item, for an entry between facilities; None for others."""
    source, target = entry.from_account, entry.to_account
    between_items = source.seq is not None and target.seq is not None and source.logical_guid != target.logical_guid
    return target if between_items else None


def first_item(entry: StockCardEntry) -> str:
    """The key of the entry's first item, see `item_key`."""
    return f"{_first(entry).logical_guid}/{entry.variant_id}"


def first_seq(entry: StockCardEntry) -> int | None:
    """The entry's number in its first item."""
    return _first(entry).seq


def second_item(entry: StockCardEntry) -> str | None:
    """The key of the second item; None if there is none."""
    second = _second(entry)
    return f"{second.logical_guid}/{entry.variant_id}" if second is not None else None


def second_seq(entry: StockCardEntry) -> int | None:
    """The entry's number in its second item; None if there is none."""
    second = _second(entry)
    return second.seq if second is not None else None


def crosses(entry: StockCardEntry) -> bool:
    """Whether the entry is between two facilities, so that it has a second item."""
    return _second(entry) is not None


def entry_lookups(entry: StockCardEntry) -> list[str]:
    """The values of `refs`: operation, document, order, holders, variant, lots, serials, facilities, items."""
    found = {entry.operation_id, entry.document_id, variant_key(entry.variant_id), EVERYTHING}
    for side in (entry.from_account, entry.to_account):
        if side.held_by_id is not None:
            found.add(side.held_by_id)
        if side.logical_guid is not None:
            found.add(facility_key(side.logical_guid))
            found.add(f"i:{item_key(side.logical_guid, entry.variant_id)}")
        if side.lot_code is not None:
            found.add(lot_ref(entry.variant_id, side.lot_code))
    if entry.order_ref is not None:
        found.add(order_key(entry.order_ref))
    if entry.serials:
        found.update(map(serial_ref, entry.serials))
    return sorted(found)
