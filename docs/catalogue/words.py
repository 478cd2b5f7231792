"""Types in the words of the contract: what stands in the type column of the catalogue."""

import types
from collections.abc import Iterable
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin

import msgspec

from chassis import values

NAMED: dict[str, Any] = {
    "id": values.Id,
    "guid": values.Guid,
    "orgcode": values.Orgcode,
    "cccode": values.Cccode,
    "code": values.Code,
    "barcode": values.Barcode,
    "printable": values.Lot,
    "text": values.Text,
    "longtext": values.LongText,
    "name": values.Name,
    "reason": values.Reason,
    "qty": values.Qty,
    "qty0": values.Qty0,
    "delta": values.Delta,
    "count": values.Count,
    "revision": values.Revision,
    "utc": values.Utc,
    "date": values.Date,
    "currency": values.Currency,
    "decimal": values.DecimalText,
    "map": values.Map,
}
"""Our words for the types of `chassis/values.py`."""

MEANINGS = {
    "id": "an identifier the stack made: a UUIDv7 as text; sorts by time",
    "guid": "an identifier made elsewhere (facility, variant, person …): 1–64 of `A-Z a-z 0-9 _ -`",
    "orgcode": "4–16 of `A-Z 0-9`",
    "cccode": "a cost centre: three groups of four of `A-Z 0-9`, with hyphens between",
    "code": "a code of the org's own: 1–64 of `A-Z 0-9 . _ -`",
    "barcode": "4–14 digits",
    "printable": "1–64 printable characters: a lot, a serial number",
    "text": "text; `name`, `reason` and `longtext` are shorter and longer ones",
    "qty": "a whole number of base units, from 1; `qty0` from 0; `delta` may be negative, and is not 0",
    "count": "a whole number, from 0; `int` any, `int(a..b)` from a to b",
    "revision": "a whole number: 1 at creation, one more with every change",
    "utc": "a time: `2026-03-01T12:00:00.000Z`",
    "date": "a day: `2026-03-01`",
    "decimal": "a decimal number as text, exact: `12.5000`",
    "currency": "three letters: `EUR`",
    "map": "a JSON object of the caller's own",
}
"""What the words mean, for the legend."""

_PLAIN: dict[Any, str] = {str: "text", int: "int", bool: "bool", float: "number", type(None): "null", Any: "any"}


def words_of(hint: Any) -> str:
    """A type in words; records are links to their section."""
    for name, known in NAMED.items():
        if hint == known:
            return name
    if hint in _PLAIN:
        return _PLAIN[hint]
    if get_origin(hint) is not None:
        return _composed(hint, get_args(hint))
    if isinstance(hint, NewType):
        return str(hint.__name__).lower()
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return f"[{hint.__name__}](#{hint.__name__.lower()})"
    raise TypeError(f"the catalogue has no word for {hint}")


def structs_in(hint: Any) -> Iterable[type[msgspec.Struct]]:
    """The structs a type is made of, itself included."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        yield hint
    for argument in get_args(hint):
        yield from structs_in(argument)


def _composed(hint: Any, arguments: tuple[Any, ...]) -> str:
    """A type that is made of others."""
    origin = get_origin(hint)
    if origin is Annotated:
        return _bounded(arguments[0], arguments[1:])
    if origin is Literal:
        return " · ".join(f"`{word}`" for word in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(words_of(each) for each in arguments)
    if origin is list:
        return f"list of {words_of(arguments[0])}"
    if origin is dict:
        return "map"
    raise TypeError(f"the catalogue has no word for {hint}")


def _bounded(hint: Any, metas: tuple[Any, ...]) -> str:
    """A type with bounds: those of numbers are shown, those of texts and lists are the contract's business."""
    for meta in metas:
        if hint is int and meta.ge is not None and meta.le is not None:
            return f"int({meta.ge}..{meta.le})"
    return words_of(hint)
