"""What the audit of the ledger knows of serials: where each is by the entries, and what items count of them. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator

from services.ics.ledger.audit_counters import Units
from services.ics.ledger.balance import Item, PositionKey, StockPosition
from services.ics.ledger.entry import Account, StockCardEntry
from services.ics.ledger.naming import SerialAccount
from services.ics.serial.domain import SerialUnit, account_of


def moves(entry: StockCardEntry, facility: str) -> Iterator[tuple[str, int]]:
    """What an entry changes about the serials in a facility: each leaves its place, and comes to another."""
    if entry.kind != "assign" and entry.from_account.logical_guid == facility:
        for serial_no in entry.serials:
            yield _place(serial_no, entry.from_account), -1
    if entry.to_account.logical_guid == facility:
        for serial_no in entry.serials:
            yield _place(serial_no, entry.to_account), 1


def _place(serial_no: str, account: Account) -> str:
    picked = account.stage in {"picked", "packed"}
    shelf = account.bucket in {"available", "reserved"} or account.stage == "open"
    bucket = "shelf" if shelf else "picked" if picked else account.bucket
    key = PositionKey(lot_code=account.lot_code) if account.bucket == "in_transit" else account.key
    return _spelled(serial_no, str(bucket), key, None if shelf else account.held_by_id)


def _spelled(serial_no: str, bucket: str, key: PositionKey, holder: str | None) -> str:
    return f"{serial_no} in {bucket} at {key.zone_id}/{key.bin_id}/{key.lot_code} of {holder}"


def places(units: Iterable[SerialUnit]) -> Units:
    """Where the records say that the serials of an item are."""
    return {_stored_place(unit): 1 for unit in units}


def _stored_place(unit: SerialUnit) -> str:
    account = account_of(unit)
    assert account is not None, unit
    bucket = "picked" if account.state in {"picked", "packed"} else account.state
    return _spelled(unit.serial_no or "", bucket, account.key, account.holder_id)


def marks_of_units(units: Iterable[SerialUnit]) -> Units:
    """What the positions of an item should count of their serials, by the serials themselves."""
    marks: Counter[str] = Counter()
    for unit in units:
        account = account_of(unit)
        if account is None or account.counter is None:
            continue
        marks[f"{account.counter} at {account.key}"] += 1
        if account.state == "shelf" and unit.blocked:
            marks[f"blocked at {account.key}"] += 1
        elif account.state == "shelf" and unit.expiry_date is not None:
            marks[f"{unit.expiry_date} at {account.key}"] += 1
    return marks


def beyond_units(units: Iterable[SerialUnit], item: Item) -> Units:
    """How many serials each account of an item has beyond its units, where it has any: each unit has one at most."""
    there: Counter[tuple[PositionKey, str]] = Counter()
    for unit in units:
        account = account_of(unit)
        if account is not None and account.state != "in_transit":
            there[account.key, _units_field(account)] += 1
    positions = {position.key: position for position in item.cells}
    excess = {
        f"beyond the units of {field} at {key}": serials - getattr(positions.get(key, StockPosition()), field)
        for (key, field), serials in there.items()
    }
    return {what: serials for what, serials in excess.items() if serials > 0}


def _units_field(account: SerialAccount) -> str:
    """The property of `StockPosition` with the units of such accounts, of all holders together."""
    if account.state == "quarantine":
        return "quarantine" if account.holder_id is None else "inspection"
    return "staged" if account.state in {"picked", "packed"} else account.state


def marks_of_item(item: Item) -> Units:
    """What the positions of an item count of their serials."""
    marks: Counter[str] = Counter()
    for position in item.cells:
        for counter in ("serials", "quarantine_serials", "damaged_serials", "blocked"):
            marks[f"{counter} at {position.key}"] += getattr(position, counter)
        for day, units in position.dated.items():
            marks[f"{day} at {position.key}"] += units
    return marks
