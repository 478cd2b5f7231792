"""Formats that a pattern alone can't check: times, days, free maps, any JSON.

Each function in `FORMS` takes a value and returns its canonical form and a problem, which is empty for a valid value.
"""

import re
from collections.abc import Callable
from typing import Any

import msgspec

from chassis.decoding.json_text import OUT_OF_RANGE, Doubled
from chassis.values import MAP_BYTES_MAX, is_calendar_day

WHOLE_MAX = (1 << 63) - 1
"""The database stores whole numbers in 64 bits."""

_INSTANT = re.compile(r"(\d{4}-\d\d-\d\d)T((?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)(?:\.(\d{1,9}))?Z", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NO_PROBLEM = ""


def utc_form(value: Any) -> tuple[Any, str]:
    """An RFC 3339 time in UTC with `Z` and up to nine decimals, truncated to milliseconds."""
    found = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        return value, "must be a time in UTC such as 2024-01-31T12:00:00.000Z"
    day, time, decimals = found.groups()
    if not is_calendar_day(day):
        return value, "names a day that does not exist"
    return f"{day}T{time}.{(decimals or '')[:3]:0<3}Z", _NO_PROBLEM


def date_form(value: Any) -> tuple[Any, str]:
    """A calendar day."""
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        return value, "must be a day such as 2024-01-31"
    return value, _NO_PROBLEM if is_calendar_day(value) else "names a day that does not exist"


def map_form(value: Any) -> tuple[Any, str]:
    """An object of limited size whose names the database accepts at any depth."""
    if not isinstance(value, dict):
        return value, "must be an object"
    problem = any_problem(value)
    if not problem and len(msgspec.json.encode(value)) > MAP_BYTES_MAX:
        problem = f"must have at most {MAP_BYTES_MAX} bytes"
    return value, problem


FORMS: dict[str, Callable[[Any], tuple[Any, str]]] = {"utc": utc_form, "date": date_form, "map": map_form}


def any_problem(value: Any) -> str:
    """Why the database could not store a JSON value; empty if it can."""
    waiting = [value]
    while waiting:
        problem = _plain_problem(each := waiting.pop())
        if problem:
            return problem
        if isinstance(each, dict):
            waiting += each.values()
        elif isinstance(each, list):
            waiting += each
    return _NO_PROBLEM


def _plain_problem(value: Any) -> str:
    """As `any_problem`, without looking inside the value."""
    if isinstance(value, dict):
        if isinstance(value, Doubled):
            return "has a name in it more than once"
        if any("$" in name or "." in name or "\0" in name or not is_unicode(name) for name in value):
            return "has a name in it with $ or . or what is no text"
    elif isinstance(value, str):
        return _NO_PROBLEM if is_unicode(value) else "holds what is not Unicode text"
    elif value is OUT_OF_RANGE or (isinstance(value, int) and abs(value) > WHOLE_MAX):
        return "holds a number out of range"
    return _NO_PROBLEM


def is_unicode(text: str) -> bool:
    """Whether a text can be encoded as UTF-8; a lone surrogate can't."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
