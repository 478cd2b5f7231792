"""The lists that calls of ICS take, with their maxima, as the contract's file has them."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.contract.rows import Contract, Field, Row, contract, list_of, words_of

CALL_SERIALS_MAX = 2_000
"""Serials that all lines of a call may name together (ics.md, Size of a call)."""


class ListField(NamedTuple):
    """A list of a request: the call's path, the field's dotted name, and the most items it may have.

    `of_a_call`: it is a list of serials within the lines of a call, which share one maximum.
    """

    path: str
    name: str
    most: int
    of_a_call: bool

    def found_in(self, body: Mapping[str, Any]) -> int:
        """How many items the list has in this body; all lines together if they share a maximum."""
        outer, _, inner = self.name.partition(".")
        value = body.get(outer) or []
        return sum(len(line.get(inner) or []) for line in value) if inner else len(value)


def list_fields() -> list[ListField]:
    """All lists of all requests, without those of a few words."""
    declared = contract("ics")
    return [each for row in declared.rows.values() for each in _of_row(declared, row)]


def _of_row(declared: Contract, row: Row) -> Iterator[ListField]:
    for name, inner, most in _lists(row.request):
        if words_of(inner) is not None:
            continue
        yield ListField(row.path, name, most, of_a_call=False)
        for nested, _, _ in _lists(declared.objects.get(inner, {})):
            yield ListField(row.path, f"{name}.{nested}", CALL_SERIALS_MAX, of_a_call=True)


def _lists(fields: Mapping[str, Field]) -> Iterator[tuple[str, str, int]]:
    for name, field in fields.items():
        bounds = list_of(field.type) if isinstance(field.type, str) else None
        if bounds is not None:
            assert bounds.most is not None, f"the list {name} has no maximum"
            yield name, bounds.inner, bounds.most
