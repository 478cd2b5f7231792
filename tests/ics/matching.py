"""Queries over documents in memory: what matches, and in which order."""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.entity import Entity
from chassis.unit import OneOf, Range


class _Downwards:
    """A value that is sorted downwards."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Downwards) and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(self.value)

    def __lt__(self, other: "_Downwards") -> bool:
        return bool(other.value < self.value)


def sortable(value: Any, field: str) -> Any:
    """A value of a field that records are sorted by; a field that begins with `-` is sorted downwards."""
    return _Downwards(value) if field.startswith("-") else value


def matches(document: dict[str, Any], entity: Entity[Any], where: Mapping[str, Any]) -> bool:
    """Whether a document has what is wanted of its fields."""
    return all(_fits(value_at(document, entity, field), wanted) for field, wanted in where.items())


def place_in(document: dict[str, Any], entity: Entity[Any], fields: Sequence[str]) -> list[Any]:
    """Where a document stands in an order."""
    return [sortable(value_at(document, entity, field.removeprefix("-")), field) for field in fields]


def value_at(document: dict[str, Any], entity: Entity[Any], field: str) -> Any:
    """A stored value, by the field's name; a path is separated by dots."""
    if field == entity.id:
        return document["_id"]
    value: Any = document
    for name in field.split("."):
        if isinstance(value, list):
            value = [each.get(name) for each in value]
        else:
            value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _fits(value: Any, wanted: Any) -> bool:
    values = value if isinstance(value, list) else [value]
    if isinstance(wanted, OneOf):
        return any(one in wanted.values for one in values)
    if isinstance(wanted, Range):
        return any(one is not None and _within(one, wanted) for one in values)
    return wanted in values or value == wanted


def _within(value: Any, bounds: Range) -> bool:
    return (
        (bounds.above is None or value > bounds.above)
        and (bounds.at_least is None or value >= bounds.at_least)
        and (bounds.below is None or value < bounds.below)
        and (bounds.at_most is None or value <= bounds.at_most)
    )
