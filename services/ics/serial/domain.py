"""Single units and lots of a variant: their data, and where their last ledger entry put them. Pure.

Registering creates the record of a unit (`serial`) or a lot (`batch`); only ledger entries move it. The status of a
unit follows from the account that its last entry put it in.
"""

from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

from msgspec import field
from msgspec.structs import replace

from chassis.entity import Record, Value
from chassis.errors import InvalidState, invalid_field
from chassis.values import Barcode, Date, Guid, Id, Map, Qty0, Reason, SerialNo, Utc
from chassis.values import Lot as LotCode
from services.ics.ledger.balance import PositionKey
from services.ics.ledger.lot import Lot
from services.ics.ledger.naming import NamedUnit, SerialAccount, SerialState
from services.ics.words import Bucket, External, HolderType, Stage

SerialKind = Literal["serial", "batch"]
SerialStatus = Literal[
    "registered",
    "quarantined",
    "in_stock",
    "damaged",
    "picked",
    "consigned",
    "in_transit",
    "shipped",
    "returned",
    "scrapped",
    "missing",
]

GTIN_LENGTHS = (8, 12, 13, 14)
COMES_IN_FROM: tuple[SerialStatus, ...] = ("registered", "shipped", "returned", "missing")
"""The statuses from which a known unit can come in (again)."""

SerialKey = tuple[str, str, str]
"""Variant, kind and number. Unique among the units and lots of an org."""


class SerialUnit(Record):
    """A single unit (`serial_no`, and its `lot_code` if known) or a lot (`lot_code` alone)."""

    serial_id: Id
    kind: SerialKind
    variant_id: Guid
    serial_no: SerialNo | None = None
    lot_code: LotCode | None = None
    gtin: Barcode | None = None
    expiry_date: Date | None = None
    manufacture_date: Date | None = None
    blocked: bool = False
    block_reason: Reason | None = None
    status: SerialStatus = "registered"
    logical_guid: Guid | None = None
    zone_id: Id | None = None
    bin_id: Id | None = None
    held_by_type: HolderType | None = None
    held_by_id: Id | None = None
    on_hand: Qty0 = 0
    attributes: Map = field(default_factory=dict)
    last_entry_id: Id | None = None
    last_moved_utc: Utc | None = None


class Whereabouts(Value):
    """The account that a unit's last entry put it in."""

    bucket: Bucket | None = None
    external: External | None = None
    stage: Stage | None = None
    logical_guid: str | None = None
    zone_id: str | None = None
    bin_id: str | None = None
    lot_code: str | None = None
    held_by_type: HolderType | None = None
    held_by_id: str | None = None


def number_of(unit: SerialUnit) -> str:
    """The serial number of a single unit, or the code of a lot."""
    number = unit.serial_no if unit.kind == "serial" else unit.lot_code
    assert number is not None, unit.serial_id
    return number


def serial_key(variant_id: str, serial_no: str) -> SerialKey:
    """The key of a single unit."""
    return (variant_id, "serial", serial_no)


def lot_key(variant_id: str, lot_code: str) -> SerialKey:
    """The key of a lot."""
    return (variant_id, "batch", lot_code)


def as_lot(batch: SerialUnit) -> Lot:
    """The data of a lot that the ledger needs."""
    assert batch.lot_code is not None, batch.serial_id
    return Lot(lot_code=batch.lot_code, expiry_date=batch.expiry_date, blocked=batch.blocked)


def status_at(where: Whereabouts) -> SerialStatus:
    """The status of a unit in this account."""
    match where.external:
        case "customer":
            return "shipped"
        case "supplier" | "consignor":
            return "returned"
        case "scrap":
            return "scrapped"
        case "adjustment":
            return "missing"
        case None:
            return _status_in_stock(where.bucket, where.stage)


def _status_in_stock(bucket: Bucket | None, stage: Stage | None) -> SerialStatus:
    match bucket:
        case "quarantine":
            return "quarantined"
        case "damaged":
            return "damaged"
        case "consignment":
            return "consigned"
        case "in_transit":
            return "in_transit"
        case "committed":
            return "in_stock" if stage == "open" else "picked"
        case "available" | "reserved":
            return "in_stock"
        case None:
            return "registered"


def moved(unit: SerialUnit, where: Whereabouts, entry_id: str, at: Utc) -> SerialUnit:
    """The single unit after a ledger entry moved it to `where` at the time `at` (UTC)."""
    inside = where.external is None
    return replace(
        unit,
        status=status_at(where),
        logical_guid=where.logical_guid if inside else None,
        zone_id=where.zone_id if inside else None,
        bin_id=where.bin_id if inside else None,
        lot_code=where.lot_code if inside else unit.lot_code,
        held_by_type=where.held_by_type if inside else None,
        held_by_id=where.held_by_id if inside else None,
        on_hand=int(inside and where.bucket != "in_transit"),
        last_entry_id=entry_id,
        last_moved_utc=at,
    )


def account_of(unit: SerialUnit, stage: Stage | None = None) -> SerialAccount | None:
    """The stock account of a single unit; None if it is in no stock. `stage`: of a picked unit."""
    if unit.logical_guid is None:
        return None
    key = PositionKey(unit.zone_id, unit.bin_id, unit.lot_code)
    match unit.status:
        case "in_stock":
            # A unit on the shelf may name a former holder; promises name no units.
            return SerialAccount(unit.logical_guid, key, "shelf")
        case "damaged":
            return SerialAccount(unit.logical_guid, key, "damaged")
        case "quarantined":
            return SerialAccount(unit.logical_guid, key, "quarantine", unit.held_by_id)
        case "consigned":
            return SerialAccount(unit.logical_guid, key, "consignment", unit.held_by_id)
        case "in_transit":
            return SerialAccount(unit.logical_guid, PositionKey(lot_code=unit.lot_code), "in_transit", unit.held_by_id)
        case "picked":
            state: SerialState = "packed" if stage == "packed" else "picked"
            return SerialAccount(unit.logical_guid, key, state, unit.held_by_id)
        case _:
            return None


def as_named(unit: SerialUnit, stage: Stage | None = None) -> NamedUnit:
    """The data of a single unit that the ledger needs."""
    assert unit.serial_no is not None, unit.serial_id
    return NamedUnit(unit.serial_no, account_of(unit, stage), unit.blocked, unit.expiry_date)


def lot_seen(batch: SerialUnit, on_hand: int) -> SerialUnit:
    """The lot with its units on hand in all facilities and its status, which the stored record does not have."""
    status: SerialStatus = "in_stock" if on_hand > 0 else "registered"
    return replace(batch, on_hand=on_hand, status=status)


def check_takes(
    units: Sequence[SerialUnit | None], named: Sequence[str], logical_guid: str, statuses: Collection[SerialStatus]
) -> None:
    """Raises `InvalidState` if a named serial is unknown (None), in another facility, or in none of these statuses."""
    for serial_no, unit in zip(named, units, strict=True):
        if unit is None:
            raise InvalidState(f"serial {serial_no} is not known", status="unknown", serial_no=serial_no)
        if unit.status not in statuses or unit.logical_guid != logical_guid:
            raise InvalidState(f"serial {serial_no} is {unit.status}", status=unit.status, serial_no=serial_no)


def coming_in(
    known: SerialUnit | None, serial_id: str, variant_id: str, serial_no: str, lot_code: str | None = None
) -> SerialUnit:
    """The single unit that comes in: a new record (revision 0), or the known one.

    Raises `InvalidState` if the known unit has a status from which no unit comes in.
    """
    if known is None:
        return SerialUnit(
            serial_id=serial_id, kind="serial", variant_id=variant_id, serial_no=serial_no, lot_code=lot_code
        )
    if known.status not in COMES_IN_FROM:
        raise InvalidState(f"serial {serial_no} is {known.status}", status=known.status, serial_no=serial_no)
    return replace(known, lot_code=lot_code) if lot_code is not None else known


class Dates(NamedTuple):
    """The dates given with units that come in; None: not given."""

    expiry_date: Date | None = None
    manufacture_date: Date | None = None


def other_date(known: SerialUnit, given: Dates) -> str | None:
    """The field of the first given date that differs from the known one; None if none does."""
    for name, day in given._asdict().items():
        if day is not None and getattr(known, name) not in {None, day}:
            return name
    return None


def dated(known: SerialUnit, given: Dates) -> SerialUnit:
    """The unit or lot with the given dates where it had none."""
    missing = {name: day for name, day in given._asdict().items() if day is not None and getattr(known, name) is None}
    return replace(known, **missing) if missing else known


def new_lot(serial_id: str, variant_id: str, lot_code: str) -> SerialUnit:
    """The record of a lot whose first units come in."""
    return SerialUnit(serial_id=serial_id, kind="batch", variant_id=variant_id, lot_code=lot_code)


def check_gtin(gtin: str, path: str = "gtin") -> str:
    """The GTIN unchanged. Raises `Invalid` naming `path` if it has 8, 12, 13 or 14 digits and a wrong check digit."""
    if len(gtin) in GTIN_LENGTHS and check_digit(gtin[:-1]) != int(gtin[-1]):
        raise invalid_field(path, "the check digit is wrong")
    return gtin


def check_digit(digits: str) -> int:
    """The GS1 check digit for these digits: weights 3 and 1 from the right; it makes the sum a multiple of 10."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -total % 10


def gtin14(gtin: str) -> str:
    """The GTIN padded to 14 digits, the form in which GTINs are compared."""
    return gtin.zfill(14)
