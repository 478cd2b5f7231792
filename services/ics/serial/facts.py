"""Data of a unit or lot in a request: completed from a UDI, checked, and made into its record. Pure."""

from msgspec.structs import replace

from chassis.entity import Value
from chassis.errors import FieldProblem, invalid_field, invalid_fields
from chassis.values import Date
from services.ics.serial.domain import SerialKind, SerialUnit, check_gtin, gtin14
from services.ics.serial.udi import read_udi


class SerialFacts(Value):
    """The given data of a unit or lot; None for each value that is not given."""

    serial_no: str | None = None
    lot_code: str | None = None
    gtin: str | None = None
    expiry_date: Date | None = None
    manufacture_date: Date | None = None


def with_udi(facts: SerialFacts, udi: str | None, year: int) -> SerialFacts:
    """The facts, completed from a UDI. `year` is the current year (see `read_udi`).

    Raises `Invalid` if the UDI cannot be read, or naming the field whose given value differs from the UDI.
    """
    if udi is None:
        return facts
    read = read_udi(udi, year)
    said = SerialFacts(
        serial_no=read.serial_no,
        lot_code=read.lot_code,
        gtin=read.di,
        expiry_date=read.expiry_date,
        manufacture_date=read.manufacture_date,
    )
    filled = {}
    for field in SerialFacts.__struct_fields__:
        given, told = getattr(facts, field), getattr(said, field)
        if given is not None and told is not None and not _agree(field, given, told):
            raise invalid_field(field, "differs from the udi")
        filled[field] = given if told is None else told
    return SerialFacts(**filled)


def _agree(field: str, given: str, told: str) -> bool:
    return gtin14(given) == told if field == "gtin" else given == told


def check_kind(kind: SerialKind, facts: SerialFacts) -> None:
    """Check the facts of a unit or lot.

    Raises `Invalid` if a single unit has no serial number, a lot has no code or has a serial number, or the check digit
    of the GTIN is wrong.
    """
    problems: list[FieldProblem] = []
    if kind == "serial" and facts.serial_no is None:
        problems.append(FieldProblem("serial_no", "is required for a single unit"))
    if kind == "batch" and facts.lot_code is None:
        problems.append(FieldProblem("lot_code", "is required for a batch"))
    if kind == "batch" and facts.serial_no is not None:
        problems.append(FieldProblem("serial_no", "goes with single units only"))
    if problems:
        raise invalid_fields(problems)
    if facts.gtin is not None:
        check_gtin(facts.gtin)


def registered(
    serial_id: str, variant_id: str, kind: SerialKind, facts: SerialFacts, attributes: dict[str, object]
) -> SerialUnit:
    """The new record of a unit or lot, which no ledger entry has moved yet. Raises `Invalid` as `check_kind` does."""
    check_kind(kind, facts)
    return SerialUnit(
        serial_id=serial_id,
        kind=kind,
        variant_id=variant_id,
        serial_no=facts.serial_no,
        lot_code=facts.lot_code,
        gtin=facts.gtin,
        expiry_date=facts.expiry_date,
        manufacture_date=facts.manufacture_date,
        attributes=attributes,
    )


def blocked(unit: SerialUnit, is_blocked: bool | None, block_reason: str | None) -> SerialUnit:
    """The unit, blocked for a reason or unblocked. With `is_blocked` None only the reason of an existing block changes.

    Raises `Invalid` if a reason is given for a unit that is not blocked.
    """
    if is_blocked is None:
        if block_reason is None:
            return unit
        if not unit.blocked:
            raise invalid_field("block_reason", "goes with a blocked unit")
        return replace(unit, block_reason=block_reason)
    return replace(unit, blocked=is_blocked, block_reason=block_reason if is_blocked else None)
