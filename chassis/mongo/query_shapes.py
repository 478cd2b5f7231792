"""Query shapes: the fields a query uses, without values, and whether an index serves it.

The rule is MongoDB's own: equal fields are a prefix of the index, then the sort fields, then at most one range. While
it is on, the recorder keeps every shape given to the driver, so that a test can compare all of them with the declared
indexes.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple


class Shape(NamedTuple):
    """One kind of query: a collection, its equal fields, its range fields, and its sort."""

    collection: str
    equal: frozenset[str]
    ranges: frozenset[str]
    order: tuple[tuple[str, int], ...]
    odd: frozenset[str] = frozenset()
    """Operators that no index bounds (`$or`, `$regex` …)."""


class Keys(NamedTuple):
    """An index in the database: its fields, whether it is unique, and the condition of a partial one."""

    fields: tuple[str, ...]
    unique: bool = False
    where: tuple[tuple[str, Any], ...] = ()


ID_KEYS = Keys(("_id",), unique=True)
_EQUAL = frozenset({"$eq", "$in"})
_RANGE = frozenset({"$gt", "$gte", "$lt", "$lte"})


def serves(keys: Keys, shape: Shape) -> bool:
    """Whether the index serves a shape: no collection scan, no sort in memory, at most one range."""
    asked = shape.equal | shape.ranges
    if shape.odd or len(shape.ranges) > 1 or any(field not in asked for field, _ in keys.where):
        return False
    fields = keys.fields
    # Fields that only the partial index's condition names are met by every record in the index.
    equal = shape.equal - (frozenset(field for field, _ in keys.where) - set(fields))
    count = len(equal)
    if set(fields[:count]) != equal:
        return False
    order = [field for field, _ in shape.order if field not in shape.equal]
    if not _ordered(keys, count, order, shape.order):
        return False
    reach = len(order) + 1 if order else 1
    return shape.ranges <= set(fields[count : count + reach]) and bool(asked or order)


def _ordered(keys: Keys, taken: int, order: Sequence[str], sort: Sequence[tuple[str, int]]) -> bool:
    """Whether the index returns the records in this order."""
    if len({direction for _, direction in sort}) > 1:
        return False
    fields = keys.fields[taken:]
    if list(fields[: len(order)]) == list(order):
        return True
    # A unique index has no ties for the id to break.
    return keys.unique and list(order[:-1]) == list(fields) and order[-1] == "_id"


class Recorder:
    """Notes shapes while it is on, and one filter of each as an example."""

    def __init__(self) -> None:
        self.on = False
        self.seen: set[Shape] = set()
        self.examples: dict[Shape, Mapping[str, Any]] = {}
        self.declared: dict[str, set[Keys]] = {}

    def start(self) -> None:
        """Start recording."""
        self.on = True

    def declare(self, collection: str, keys: Iterable[Keys]) -> None:
        """Record which indexes a collection has."""
        self.declared.setdefault(collection, {ID_KEYS}).update(keys)

    def note(self, collection: str, where: Mapping[str, Any], order: Sequence[tuple[str, int]] = ()) -> None:
        """Note one query."""
        shape = shape_of(collection, where, order)
        if shape not in self.seen:
            self.seen.add(shape)
            self.examples[shape] = where

    def unserved(self) -> list[Shape]:
        """The recorded shapes that no index of their collection serves. `{}` stands for reading a whole collection."""
        return sorted(
            shape
            for shape in self.seen
            if (shape.equal or shape.ranges or shape.order or shape.odd)
            and not any(serves(keys, shape) for keys in self.declared.get(shape.collection, {ID_KEYS}))
        )


def shape_of(collection: str, where: Mapping[str, Any], order: Sequence[tuple[str, int]] = ()) -> Shape:
    """The shape of a filter (the part that an index must serve) and its sort."""
    equal, ranges, odd = set(), set(), set()
    for field, asked in where.items():
        if field.startswith("$"):
            odd.add(field)
            continue
        operators = set(asked) if isinstance(asked, Mapping) and any(key.startswith("$") for key in asked) else None
        if operators is None or operators <= _EQUAL:
            equal.add(field)
        elif operators <= _RANGE:
            ranges.add(field)
        else:
            odd.update(operators)
    return Shape(collection, frozenset(equal), frozenset(ranges), tuple(order), frozenset(odd))


RECORDER = Recorder()
