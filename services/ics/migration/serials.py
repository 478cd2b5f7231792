"""An item and its serials as this release stores them. Pure."""

from collections.abc import Iterable

from msgspec.structs import replace

from services.ics.ledger.balance import Item
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.open_item import OpenItem
from services.ics.serial.domain import SerialUnit, account_of, as_named


def relotted(unit: SerialUnit, last: StockCardEntry | None) -> SerialUnit:
    """The unit with the lot of the position where its last entry put it; itself if it has it."""
    if last is None or last.to_account.kind != "stock" or unit.lot_code == last.to_account.lot_code:
        return unit
    return replace(unit, lot_code=last.to_account.lot_code)


def recounted(item: Item, units: Iterable[SerialUnit]) -> Item:
    """The item, whose positions count these units."""
    none = {"serials": 0, "blocked": 0, "dated": {}, "quarantine_serials": 0, "damaged_serials": 0}
    opened = OpenItem(replace(item, cells=[replace(position, **none) for position in item.cells]))
    for unit in units:
        account = account_of(unit)
        # A position without units is not stored: a serial there is a difference for the audit.
        if account is not None and account.key in opened.positions:
            opened.mark(account, as_named(unit), 1)
    return replace(item, cells=list(opened.positions.values()))
