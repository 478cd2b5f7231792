"""Which declared index serves a query."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chassis.defects import UnservedQuery
from chassis.mongo.query_shapes import Keys
from chassis.mongo.table import Table
from chassis.unit import Range


class Plan(NamedTuple):
    """How one shape of query is served: by which index, and in which order it returns the records."""

    keys: Keys
    equal: tuple[str, ...]
    order: tuple[str, ...]
    down: bool


def choose(table: Table[Any], conditions: Mapping[str, Any], order: Sequence[str]) -> Plan:
    """The index that serves the query best: one that bounds the range, else the shortest. Raises `UnservedQuery`."""
    down = bool(order) and order[0].startswith("-")
    wanted = [table.stored_field(field.removeprefix("-")) for field in order]
    if any(field.startswith("-") != down for field in order):
        raise UnservedQuery(f"{table.name}: an order goes all upwards or all downwards, not {list(order)}")
    ranged = [field for field, asked in conditions.items() if isinstance(asked, Range)]
    if len(ranged) > 1:
        raise UnservedQuery(f"{table.name}: one range a query, the others belong in rest: {ranged}")
    served = []
    for keys in table.indexes:
        found = _by_index(keys, conditions, ranged, wanted)
        if found is not None:
            bounded = not ranged or keys.fields.index(ranged[0]) == len(found[0])
            served.append((not bounded, len(keys.fields), keys, *found))
    if not served:
        raise UnservedQuery(
            f"{table.name}: no declared index serves equal {sorted(set(conditions) - set(ranged))}, "
            f"range {ranged}, order {list(order)}"
        )
    _, _, keys, equal, ordered = min(served, key=lambda each: each[:2])
    return Plan(keys, equal, ordered, down)


def _by_index(
    keys: Keys, conditions: Mapping[str, Any], ranged: Sequence[str], wanted: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The equal fields and the full order by this index, or None if it does not serve the query."""
    for field, value in keys.where:
        if field not in conditions or conditions[field] != value:
            return None
    # Fields of a partial index's condition that are not among its keys.
    fixed = {field for field, _ in keys.where} - set(keys.fields)
    equal = set(conditions) - set(ranged) - fixed
    count = len(equal)
    if set(keys.fields[:count]) != equal:
        return None
    following = keys.fields[count:]
    order = [field for field in wanted if field not in equal]
    if not wanted:
        order = list(following)
    elif following[: len(order)] != tuple(order):
        return None
    elif "_id" not in order and not (keys.unique and len(order) == len(following)):
        # Ties are broken by the id, which must be the index's next field.
        if following[len(order) : len(order) + 1] != ("_id",):
            return None
        order.append("_id")
    if ranged and ranged[0] not in following[: len(order) + 1 if wanted else 1]:
        return None
    if not count and not ranged and not order:
        return None
    return keys.fields[:count], tuple(order)
