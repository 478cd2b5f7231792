"""An item and its serials as this release stores them. Pure."""

from collections.abc import Iterable, Mapping

from msgspec.structs import replace

from services.ics.ledger.balance import Item, Landing, PositionKey
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.open_item import OpenItem
from services.ics.serial.domain import SerialUnit, account_of, as_named


def relotted(unit: SerialUnit, last: StockCardEntry | None) -> SerialUnit:
    """The unit with the lot of the position where its last entry put it; itself if it has it."""
    if last is None or last.to_account.kind != "stock" or unit.lot_code == last.to_account.lot_code:
        return unit
    return replace(unit, lot_code=last.to_account.lot_code)


def left_behind(item: Item, units: Iterable[SerialUnit]) -> set[PositionKey]:
    """Positions that have serials and no unit: the release before let units without a name leave their serials."""
    here = {position.key for position in item.cells}
    accounts = (account_of(unit) for unit in units)
    return {each.key for each in accounts if each is not None and each.counter is not None} - here


def recounted(item: Item, units: Iterable[SerialUnit], places: Mapping[PositionKey, Landing]) -> Item:
    """The item, whose positions count these units. `places`: of the positions in `left_behind`."""
    none = {"serials": 0, "blocked": 0, "dated": {}, "quarantine_serials": 0, "damaged_serials": 0}
    opened = OpenItem(replace(item, cells=[replace(position, **none) for position in item.cells]))
    for key, place in places.items():
        opened.land(place, key.lot_code)
    for unit in units:
        account = account_of(unit)
        if account is not None:
            opened.mark(account, as_named(unit), 1)
    return replace(item, cells=[position for position in opened.positions.values() if not position.gone])
