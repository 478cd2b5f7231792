"""Reads UDIs (unique device identifiers) given as GS1 element strings. Pure.

There are two notations: bracketed, `(01)…(17)…`, and raw, where a value of variable length ends at FNC1 (0x1D) or at
the end of the string. `RULES` has the supported application identifiers of the GS1 General Specifications.
"""

import calendar
import re
from collections.abc import Iterator
from typing import NamedTuple

from chassis.entity import Value
from chassis.errors import Invalid, invalid_field
from chassis.values import Barcode, Date, Lot, SerialNo
from services.ics.serial.domain import check_digit

FNC1 = "\x1d"
SYMBOLOGIES = ("]d2", "]C1", "]Q3")
"""Symbology identifiers that a scanner may put in front: GS1 DataMatrix, GS1-128, GS1 QR Code."""


class Rule(NamedTuple):
    """The format of an element's value: its exact (`fixed`) or maximum length, and whether it is all digits."""

    length: int
    fixed: bool = False
    digits: bool = False


RULES = {
    "01": Rule(14, fixed=True, digits=True),
    "10": Rule(20),
    "11": Rule(6, fixed=True, digits=True),
    "15": Rule(6, fixed=True, digits=True),
    "17": Rule(6, fixed=True, digits=True),
    "20": Rule(2, fixed=True, digits=True),
    "21": Rule(20),
    "30": Rule(8, digits=True),
    "37": Rule(8, digits=True),
    "240": Rule(30),
    **{str(company): Rule(90) for company in range(91, 100)},
}
"""Format by application identifier.

Used are 01 (device), 10 (lot), 11 (production date), 17 (expiry date) and 21 (serial number). The others are checked
for their format and then ignored.
"""

_BRACKET = re.compile(r"\(([0-9]{2,4})\)")
_CHARACTERS = re.compile(r"[!-\"%-?A-Z_a-z]+")


class Udi(Value):
    """The content of a UDI: the device identifier `di` (GTIN, 14 digits), and the data of the unit, None if absent."""

    di: Barcode
    lot_code: Lot | None
    serial_no: SerialNo | None
    expiry_date: Date | None
    manufacture_date: Date | None


def read_udi(text: str, year: int, path: str = "udi") -> Udi:
    """The content of an element string. `year` is the current year; it decides the century of two-digit years.

    Raises `Invalid`, naming `path`, for a string that cannot be read.
    """
    body = text[3:] if text.startswith(SYMBOLOGIES) else text
    elements: dict[str, str] = {}
    for identifier, value in _bracketed(body, path) if body.startswith("(") else _raw(body, path):
        _check(identifier, value, path)
        if elements.setdefault(identifier, value) != value:
            raise invalid_field(path, f"({identifier}) is given twice with different values")
    return _udi(elements, year, path)


def _udi(elements: dict[str, str], year: int, path: str) -> Udi:
    if "01" not in elements:
        raise invalid_field(path, "has no device identifier (01)")
    return Udi(
        di=elements["01"],
        lot_code=elements.get("10"),
        serial_no=elements.get("21"),
        expiry_date=_date(elements["17"], year, "17", path) if "17" in elements else None,
        manufacture_date=_date(elements["11"], year, "11", path) if "11" in elements else None,
    )


def _bracketed(body: str, path: str) -> Iterator[tuple[str, str]]:
    """Elements of a bracketed string: a value ends before the next bracketed identifier."""
    marks = list(_BRACKET.finditer(body))
    if not marks or marks[0].start() != 0:
        raise invalid_field(path, "does not begin with an application identifier")
    for place, mark in enumerate(marks):
        end = marks[place + 1].start() if place + 1 < len(marks) else len(body)
        yield mark.group(1), body[mark.end() : end]


def _raw(body: str, path: str) -> Iterator[tuple[str, str]]:
    """Elements of a raw string: a fixed value ends by its length, any other at FNC1 or the end."""
    rest = body.removeprefix(FNC1)
    if not rest:
        raise invalid_field(path, "holds no elements")
    while rest:
        identifier = next((rest[:digits] for digits in (2, 3) if rest[:digits] in RULES), None)
        if identifier is None:
            raise _unknown(rest[:2], path)
        rule, rest = RULES[identifier], rest[len(identifier) :]
        if rule.fixed:
            value, rest = rest[: rule.length], rest[rule.length :].removeprefix(FNC1)
        else:
            value, _, rest = rest.partition(FNC1)
        yield identifier, value


def _check(identifier: str, value: str, path: str) -> None:
    rule = RULES.get(identifier)
    if rule is None:
        raise _unknown(identifier, path)
    if not value or len(value) > rule.length or (rule.fixed and len(value) != rule.length):
        wanted = f"{rule.length}" if rule.fixed else f"1 to {rule.length}"
        raise invalid_field(path, f"({identifier}) takes {wanted} {'digits' if rule.digits else 'characters'}")
    if rule.digits and not (value.isascii() and value.isdigit()):
        raise invalid_field(path, f"({identifier}) takes digits only")
    if not rule.digits and not _CHARACTERS.fullmatch(value):
        raise invalid_field(path, f"({identifier}) holds a character that GS1 does not know")
    if identifier == "01" and check_digit(value[:-1]) != int(value[-1]):
        raise invalid_field(path, "the check digit of (01) is wrong")


def _unknown(identifier: str, path: str) -> Invalid:
    return invalid_field(path, f"holds an element ({identifier}) that is not read here")


def _date(digits: str, year: int, identifier: str, path: str) -> Date:
    """The date of YYMMDD. The year is from 49 before to 50 after `year`; day 00 is the last day of the month."""
    short, month, day = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    full = year - 49 + (short - (year - 49)) % 100
    if not 1 <= month <= 12:
        raise invalid_field(path, f"({identifier}) names no month")
    last = calendar.monthrange(full, month)[1]
    if day > last:
        raise invalid_field(path, f"({identifier}) names a day its month has not")
    return Date(f"{full:04d}-{month:02d}-{day or last:02d}")
