"""The top-level names of a JSON object, found in one pass whose cost is bounded.

Values are passed over by the decoder without being built: a MiB takes a few milliseconds, whatever is in it.
"""

from collections import Counter
from typing import Any

import msgspec
from msgspec import Raw

NAMES_MAX = 256
"""More names than any request has. The pass ends at the next one."""


class NotAnObject(Exception):
    """The text is not one JSON object."""


class TooManyNames(Exception):
    """The object has more than `NAMES_MAX` names."""


class TopLevel:
    """The members of an object.

    values     name -> the text of its value, the last one of a repeated name
    repeated   names that are given more than once; parsers disagree on which value counts
    """

    __slots__ = ("repeated", "values")

    def __init__(self, values: dict[str, Raw], repeated: frozenset[str]) -> None:
        self.values = values
        self.repeated = repeated


class _Key:
    """One occurrence of a name. Each is a key of its own, so that the decoder keeps repeated names apart."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


def scan(body: bytes) -> TopLevel:
    """The members of the object in `body`. Raises `NotAnObject` or `TooManyNames`."""
    count = 0

    def key(_: Any, text: Any) -> _Key:
        nonlocal count
        count += 1
        if count > NAMES_MAX:
            raise TooManyNames
        return _Key(text)

    try:
        members = msgspec.json.decode(body, type=dict[_Key, Raw], dec_hook=key)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotAnObject from None
    values = {key.text: value for key, value in members.items()}
    if len(values) == len(members):
        return TopLevel(values, frozenset())
    times = Counter(key.text for key in members)
    return TopLevel(values, frozenset(name for name in times if times[name] > 1))
