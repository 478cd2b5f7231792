"""Finds what a JSON decoder accepts and the contract does not: doubled names, deep nesting, huge numbers.

`is_plain` is a fast check of every body; a body that may contain such things is then parsed by `read`.
"""

import json
import math
from collections import Counter
from collections.abc import Callable
from json.decoder import JSONArray, JSONObject  # type: ignore[attr-defined]  # the decoder's own parts in Python
from json.scanner import py_make_scanner  # type: ignore[attr-defined]
from typing import Any, Final

from chassis.decoding.pace import Pace

DEPTH_MAX = 32
"""Levels of nested objects and lists."""

_DIGITS_MAX = 20

COMMAS_MAX = 20_000
"""A body with more commas is read value by value. The usual decoder would keep the interpreter from the event loop for
tens of milliseconds; at this bound it takes two."""

VALUES_MAX = 100_000
"""More values than any body of the usual size has."""


class Malformed(Exception):
    """Text that is not acceptable JSON; the message says why, without quoting it."""


class TooManyValues(Malformed):
    """Text with more values than a body has. `beginning` is the value of its first part, with the rest left out."""

    def __init__(self, beginning: Any, values_max: int) -> None:
        super().__init__(f"has more than {values_max} values")
        self.beginning = beginning


class Doubled(dict[str, Any]):
    """An object with a name that occurs more than once."""

    names: frozenset[str] = frozenset()


class _OutOfRange:
    """A number too large for any field."""


OUT_OF_RANGE: Final = _OutOfRange()


def is_plain(body: bytes) -> bool:
    """Whether the body certainly has no escapes, no doubled names and no deep nesting.

    Without a backslash every quote begins or ends a string, so splitting at quotes gives the strings at odd positions;
    one that is followed by a colon is a name. False as well if objects of a list share names.
    """
    if b"\\" in body or body.count(b"{") + body.count(b"[") > DEPTH_MAX:
        return False
    parts = body.split(b'"')
    names = [parts[place] for place in range(1, len(parts) - 1, 2) if parts[place + 1].lstrip()[:1] == b":"]
    return len(names) == len(set(names))


def read(body: bytes, pace: Pace | None = None, *, values_max: int = VALUES_MAX) -> Any:
    """The value of a JSON text, with `Doubled` for objects with doubled names and `OUT_OF_RANGE` for huge numbers.

    A reading in a thread takes a `pace`, and raises `TooManyValues` above `values_max`. Raises `Malformed`.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as failure:
        raise Malformed(f"is not UTF-8 at byte {failure.start}") from None
    if pace is None:
        return _parsed(_decoder, text)
    if body.count(b",") <= COMMAS_MAX:
        return _parsed(_paced(pace), text)
    try:
        return _parsed(_Stepwise(pace, values_max), text)
    except _Cut as cut:
        raise TooManyValues(_parsed(_paced(pace), cut.text), values_max) from None


def _parsed(decoder: json.JSONDecoder, text: str) -> Any:
    try:
        value = decoder.decode(text)
    except json.JSONDecodeError as failure:
        raise Malformed(f"is not JSON at character {failure.pos}") from None
    except RecursionError:
        raise Malformed(f"is nested deeper than {DEPTH_MAX} levels") from None
    if depth_of(value) > DEPTH_MAX:
        raise Malformed(f"is nested deeper than {DEPTH_MAX} levels")
    return value


def depth_of(value: Any) -> int:
    """Levels of objects and lists in a value; 0 for a plain one."""
    depth, level = 0, [value]
    while level:
        level = [
            child
            for each in level
            if isinstance(each, (dict, list))
            for child in ((each.values() if isinstance(each, dict) else each) or (None,))
        ]
        depth += bool(level)
    return depth


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) == len(pairs):
        return plain
    doubled = Doubled(plain)
    times = Counter(name for name, _ in pairs)
    doubled.names = frozenset(name for name in times if times[name] > 1)
    return doubled


def _constant(word: str) -> Any:
    raise Malformed(f"holds {word.lstrip('-')}, which is no JSON")


def _whole(digits: str) -> Any:
    return int(digits) if len(digits) <= _DIGITS_MAX else OUT_OF_RANGE


def _real(digits: str) -> Any:
    number = float(digits)
    return number if math.isfinite(number) else OUT_OF_RANGE


_HOOKS: Final[dict[str, Any]] = {"parse_constant": _constant, "parse_int": _whole, "parse_float": _real}
_decoder = json.JSONDecoder(object_pairs_hook=_object, **_HOOKS)


def _paced(pace: Pace) -> json.JSONDecoder:
    """A decoder that pauses between objects."""

    def paced(pairs: list[tuple[str, Any]]) -> Any:
        pace.step()
        return _object(pairs)

    return json.JSONDecoder(object_pairs_hook=paced, **_HOOKS)


class _Cut(Exception):
    """The text up to the last value that is read, ended so that it is JSON."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


class _Stepwise(json.JSONDecoder):
    """A decoder in Python, which gives way to other threads between any two values and ends after `values_max`.

    The usual one is written in C and keeps the interpreter for as long as it finds no objects, numbers or errors.
    """

    def __init__(self, pace: Pace, values_max: int) -> None:
        super().__init__(object_pairs_hook=_object, **_HOOKS)
        self._pace = pace
        self._left = values_max
        self._ends: list[str] = []
        self.parse_array = self._array
        self.parse_object = self._members
        self.scan_once = py_make_scanner(self)

    def _array(self, place: tuple[str, int], scan: Callable[[str, int], Any]) -> Any:
        self._ends.append("]")
        found = JSONArray(place, self._counted(scan))
        self._ends.pop()
        return found

    def _members(self, place: tuple[str, int], strict: bool, scan: Callable[[str, int], Any], *hooks: Any) -> Any:
        self._ends.append("}")
        found = JSONObject(place, strict, self._counted(scan), *hooks)
        self._ends.pop()
        return found

    def _counted(self, scan: Callable[[str, int], Any]) -> Callable[[str, int], Any]:
        def scan_counted(text: str, at: int) -> Any:
            self._pace.step()
            self._left -= 1
            if self._left < 0:
                raise _Cut(f"{text[:at]}null{''.join(reversed(self._ends))}")
            return scan(text, at)

        return scan_counted
