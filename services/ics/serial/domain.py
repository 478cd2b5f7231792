"""Single units and lots of a variant: what is known of them, and where the ledger last put them.

Registering tells ICS about a unit (`serial`) or a lot (`batch`); only entries move them. The status of a unit is read
off the account its last entry put it in.
"""

from collections.abc import Collection, Sequence
from typing import Literal

from msgspec import field
from msgspec.structs import replace

from chassis.entity import Record, Value
from chassis.errors import InvalidState, invalid_field
from chassis.values import Barcode, Date, Guid, Id, Map, Qty0, Reason, SerialNo, Utc
from chassis.values import Lot as LotCode
from services.ics.ledger.lot import Lot
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
"""A unit that is known comes in from one of these; anything else says it is here already."""

SerialKey = tuple[str, str, str]
"""Variant, kind and number: what no two units or lots of an org share."""


class SerialUnit(Record):
    """A single unit (`serial_no`, and the lot it is of if known) or a lot (`lot_code` alone)."""

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
    """The account a unit's last entry put it in."""

    bucket: Bucket | None = None
    external: External | None = None
    stage: Stage | None = None
    logical_guid: str | None = None
    zone_id: str | None = None
    bin_id: str | None = None
    held_by_type: HolderType | None = None
    held_by_id: str | None = None


def number_of(unit: SerialUnit) -> str:
    """What a unit is known by: its serial number, or a lot's code."""
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
    """What the ledger needs to know of a lot."""
    assert batch.lot_code is not None, batch.serial_id
    return Lot(lot_code=batch.lot_code, expiry_date=batch.expiry_date, blocked=batch.blocked)


def status_at(where: Whereabouts) -> SerialStatus:
    """What a unit is, by the account it is in."""
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
    """The single unit after an entry that named it."""
    inside = where.external is None
    return replace(
        unit,
        status=status_at(where),
        logical_guid=where.logical_guid if inside else None,
        zone_id=where.zone_id if inside else None,
        bin_id=where.bin_id if inside else None,
        held_by_type=where.held_by_type if inside else None,
        held_by_id=where.held_by_id if inside else None,
        on_hand=int(inside and where.bucket != "in_transit"),
        last_entry_id=entry_id,
        last_moved_utc=at,
    )


def lot_seen(batch: SerialUnit, on_hand: int) -> SerialUnit:
    """The lot with the units on hand over all facilities, which the ledger knows: a lot's record does not move."""
    status: SerialStatus = "in_stock" if on_hand > 0 else "registered"
    return replace(batch, on_hand=on_hand, status=status)


def check_takes(
    units: Sequence[SerialUnit | None], named: Sequence[str], logical_guid: str, statuses: Collection[SerialStatus]
) -> None:
    """Refuse serials that are not in the facility in one of these statuses; None stands for an unknown one."""
    for serial_no, unit in zip(named, units, strict=True):
        if unit is None:
            raise InvalidState(f"serial {serial_no} is not known", status="unknown", serial_no=serial_no)
        if unit.status not in statuses or unit.logical_guid != logical_guid:
            raise InvalidState(f"serial {serial_no} is {unit.status}", status=unit.status, serial_no=serial_no)


def coming_in(
    known: SerialUnit | None, serial_id: str, variant_id: str, serial_no: str, lot_code: str | None = None
) -> SerialUnit:
    """The single unit that comes in: a new one (revision 0), or one that is known and may come in (again)."""
    if known is None:
        return SerialUnit(
            serial_id=serial_id, kind="serial", variant_id=variant_id, serial_no=serial_no, lot_code=lot_code
        )
    if known.status not in COMES_IN_FROM:
        raise InvalidState(f"serial {serial_no} is {known.status}", status=known.status, serial_no=serial_no)
    return replace(known, lot_code=lot_code) if lot_code is not None else known


def new_lot(
    serial_id: str,
    variant_id: str,
    lot_code: str,
    expiry_date: Date | None = None,
    manufacture_date: Date | None = None,
) -> SerialUnit:
    """A lot nothing was known of until its first units came in. What is known of one, goods coming in do not alter."""
    return SerialUnit(
        serial_id=serial_id,
        kind="batch",
        variant_id=variant_id,
        lot_code=lot_code,
        expiry_date=expiry_date,
        manufacture_date=manufacture_date,
    )


def check_gtin(gtin: str, path: str = "gtin") -> str:
    """The GTIN; refused where one of 8, 12, 13 or 14 digits ends in a wrong check digit."""
    if len(gtin) in GTIN_LENGTHS and check_digit(gtin[:-1]) != int(gtin[-1]):
        raise invalid_field(path, "the check digit is wrong")
    return gtin


def check_digit(digits: str) -> int:
    """GS1's check digit of the digits before it: weights 3 and 1 from the right, made up to the next ten."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return -total % 10


def gtin14(gtin: str) -> str:
    """The GTIN as 14 digits, which is how GTINs compare."""
    return gtin.zfill(14)
