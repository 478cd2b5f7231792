"""Texts made of a record's fields, and read back: logical keys, labels, ids, and the values that edges are followed by.

A pattern is a format string such as `ORG#{orgcode}` or `{run_id}/{n:09d}`. A field may be dotted; one inside a list has
a value for each item.
"""

import re
from collections.abc import Mapping
from functools import cache
from itertools import product
from string import Formatter
from typing import Any

_SEPARATORS = " @/:,-·"


class Pattern:
    """One pattern."""

    def __init__(self, text: str) -> None:
        self.text = text
        parts = [(literal, field, spec or "") for literal, field, spec, _ in Formatter().parse(text)]
        self._parts = tuple(parts)
        self.fields = tuple(field for _, field, _ in parts if field)
        expression = "".join(re.escape(literal) + ("(.*?)" if field else "") for literal, field, _ in parts)
        self._regex = re.compile(expression, re.DOTALL)

    def values(self, source: Any) -> list[str]:
        """The texts for a record (a struct or a mapping), without repetition; none if one of its fields is null."""
        choices = [_read(source, field.split(".")) for field in self.fields]
        return list(dict.fromkeys(self._filled(chosen) for chosen in product(*choices)))

    def render(self, source: Any) -> str | None:
        """The text for a record; None if one of its fields is null."""
        found = self.values(source)
        return found[0] if found else None

    def parse(self, text: str) -> dict[str, str] | None:
        """The fields in a text, each as text; None if it does not match this pattern."""
        found = self._regex.fullmatch(text)
        return None if found is None else dict(zip(self.fields, found.groups(), strict=True))

    def label(self, source: Any) -> str:
        """The text for a record with its null fields left out, and the separators that then stand at an end."""
        shown = [next(iter(_read(source, field.split("."))), None) for field in self.fields]
        text = self._filled(tuple("" if value is None else value for value in shown))
        return text.strip(_SEPARATORS if None in shown else None)

    def _filled(self, chosen: tuple[Any, ...]) -> str:
        values = iter(chosen)
        return "".join(
            literal + (_formatted(next(values), spec) if field else "") for literal, field, spec in self._parts
        )


@cache
def pattern(text: str) -> Pattern:
    """The pattern of a text; made once."""
    return Pattern(text)


def _formatted(value: Any, spec: str) -> str:
    return str(value) if value == "" else format(value, spec)


def _read(source: Any, path: list[str]) -> list[Any]:
    """The values at the end of a path that are not null."""
    if source is None:
        return []
    if isinstance(source, list | tuple):
        return [value for item in source for value in _read(item, path)]
    if not path:
        return [source]
    head, *rest = path
    return _read(source.get(head) if isinstance(source, Mapping) else getattr(source, head, None), rest)
