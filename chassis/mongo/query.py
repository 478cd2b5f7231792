"""From `find(entity, where, order …)` to a query that a declared index serves, on MongoDB and embedded engine alike.

A query has two stages. The first is what one index covers: equal fields, then at most one open field. The second holds
the rest. MongoDB merges the two, so nothing is lost there; the embedded engine uses an index only if the first stage is
covered by it whole, and takes an `$in` or a range only as the last thing in it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chassis.mongo.shapes import Keys
from chassis.mongo.table import Table
from chassis.unit import OneOf, Range, UnservedQuery, Where

Filter = dict[str, Any]


class Plan(NamedTuple):
    """How one shape of query is served: by which index, and in which order it gives the records."""

    keys: Keys
    equal: tuple[str, ...]
    order: tuple[str, ...]
    down: bool


class Query:
    """One query, ready to be sent, and to be answered from memory where it must."""

    __slots__ = ("after", "collection", "first", "key", "limit", "plan", "second", "table", "tests")

    def __init__(
        self,
        table: Table[Any],
        plan: Plan,
        conditions: Mapping[str, Any],
        rest: Mapping[str, Any],
        limit: int,
        after: Sequence[Any] | None,
    ) -> None:
        self.table = table
        self.collection = table.collection
        self.plan = plan
        self.limit = limit
        self.after = None if after is None else tuple(after)[: len(plan.order)]
        self.tests = tuple((table.getter(field), field, wanted) for field, wanted in {**rest, **conditions}.items())
        self.key = (
            table.name,
            plan,
            tuple(conditions.items()),
            tuple(rest.items()),
            self.after,
        )
        self.first, self.second = _stages(plan, conditions, rest, self.after)

    @property
    def equal(self) -> tuple[tuple[str, tuple[Any, ...]], ...]:
        """The fields a record must equal to be among the answers, each with the values that will do."""
        found = []
        for _, field, wanted in self.tests:
            if field in self.plan.equal:
                found.append((field, wanted.values if isinstance(wanted, OneOf) else (wanted,)))
        return tuple(found)

    @property
    def sort(self) -> tuple[tuple[str, int], ...]:
        """The order as the driver wants it."""
        return tuple((field, -1 if self.plan.down else 1) for field in self.plan.order)

    @property
    def last_field(self) -> str:
        """The last field that the index covers."""
        return next(reversed(self.first))

    def sibling_key(self) -> Any:
        """Equal for queries that differ only in the value of their last covered field; None where that won't do."""
        if not self.first or self.after is not None:
            return None
        *heads, (field, value) = self.first.items()
        plain = all(not isinstance(part, dict | list) for _, part in (*heads, (field, value)))
        if not plain or value is None or "." in field or field in {name for name, _ in self.plan.keys.where}:
            return None
        rest = tuple(test for test in self.key[2] if test[0] != field)
        return (self.table.name, self.plan, tuple(heads), field, rest, self.key[3])

    def together(self, siblings: Sequence["Query"]) -> Filter:
        """The first stage that serves all of these siblings at once."""
        field = self.last_field
        return {**self.first, field: {"$in": [each.first[field] for each in siblings]}}

    def pipeline(self, limit: int) -> list[dict[str, Any]]:
        """The query as an aggregation."""
        stages: list[dict[str, Any]] = [{"$match": self.first}, *({"$match": part} for part in self.second)]
        if self.plan.order:
            stages.append({"$sort": dict(self.sort)})
        return [*stages, {"$limit": limit}]

    def matches(self, record: Any) -> bool:
        """Whether a record is among the answers."""
        for getter, _, wanted in self.tests:
            if not _fits(getter(record), wanted):
                return False
        if self.after is None:
            return True
        place = self.place_of(record)
        mark = _sortable(self.after)
        return place < mark if self.plan.down else place > mark

    def place_of(self, record: Any) -> tuple[Any, ...]:
        """Where a record stands in the order."""
        return _sortable(self.position_of(record))

    def position_of(self, record: Any) -> tuple[Any, ...]:
        """The values of the order's fields: what `after` takes."""
        return tuple(self.table.getter(field)(record) for field in self.plan.order)

    def arranged(self, records: list[Any]) -> list[Any]:
        """Records in the query's order, and not more than asked for."""
        records.sort(key=self.place_of, reverse=self.plan.down)
        return records[: self.limit]


def build(
    table: Table[Any],
    org: str | None,
    where: Where,
    order: Sequence[str] = (),
    limit: int = 1000,
    after: Sequence[Any] | None = None,
    rest: Where | None = None,
) -> Query:
    """The query for what `find` was asked; UnservedQuery where no declared index serves it."""
    conditions = {table.stored_field(field): wanted for field, wanted in where.items()}
    more = {table.stored_field(field): wanted for field, wanted in (rest or {}).items()}
    if org is not None and table.org_scoped:
        conditions = {"orgcode": org, **conditions}
    if table.kind and "kind" not in conditions:
        more["kind"] = table.kind
    shape = (
        tuple((field, isinstance(wanted, Range)) for field, wanted in conditions.items()),
        tuple(order),
        tuple(conditions.get(field) for field in table.pinned) if table.pinned else (),
    )
    plan = table.plans.get(shape)
    if plan is None:
        plan = table.plans[shape] = choose(table, conditions, order)
    return Query(table, plan, conditions, more, limit, after)


def choose(table: Table[Any], conditions: Mapping[str, Any], order: Sequence[str]) -> Plan:
    """The index that serves best: the one that bounds the range, else the shortest."""
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
    """The equal fields and the full order by this index, or None where it does not serve."""
    for field, value in keys.where:
        if field not in conditions or conditions[field] != value:
            return None
    aside = {field for field, _ in keys.where} - set(keys.fields)
    equal = set(conditions) - set(ranged) - aside
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
        # Ties are broken by the id, which must be what the index has next.
        if following[len(order) : len(order) + 1] != ("_id",):
            return None
        order.append("_id")
    if ranged and ranged[0] not in following[: len(order) + 1 if wanted else 1]:
        return None
    if not count and not ranged and not order:
        return None
    return keys.fields[:count], tuple(order)


def _stages(
    plan: Plan, conditions: Mapping[str, Any], rest: Mapping[str, Any], after: tuple[Any, ...] | None
) -> tuple[Filter, list[Filter]]:
    """The part the index covers, and what remains."""
    asked = {field: _asked(wanted) for field, wanted in conditions.items()}
    second: list[Filter] = []
    if after is not None:
        head = plan.order[0]
        asked[head] = _go_on(asked.get(head), after[0], plan.down, strictly=len(plan.order) == 1)
        if len(plan.order) > 1:
            second.append(_behind(plan, after))
    first: Filter = {field: asked[field] for field, _ in plan.keys.where}
    open_end = False
    remaining: Filter = {}
    for field in plan.keys.fields:
        if field not in asked or field in first:
            continue
        (remaining if open_end else first)[field] = asked[field]
        open_end = open_end or isinstance(asked[field], dict)
    remaining.update({field: _asked(wanted) for field, wanted in rest.items() if field not in first})
    return first, [*([remaining] if remaining else []), *second]


def _asked(wanted: Any) -> Any:
    """A condition in the server's words."""
    if isinstance(wanted, OneOf):
        return wanted.values[0] if len(wanted.values) == 1 else {"$in": list(wanted.values)}
    if isinstance(wanted, Range):
        return _bounds(wanted)
    return {"$eq": wanted} if isinstance(wanted, Mapping) else wanted


def _bounds(wanted: Range) -> Filter:
    """A range in the server's words, each side by its tighter bound."""
    bounds: Filter = {}
    if wanted.above is not None and (wanted.at_least is None or wanted.above >= wanted.at_least):
        bounds["$gt"] = wanted.above
    elif wanted.at_least is not None:
        bounds["$gte"] = wanted.at_least
    ends = [] if wanted.below is None else [wanted.below]
    if wanted.at_most is not None:
        ends.append(_next(wanted.at_most))
    if ends:
        bounds["$lt"] = min(ends)
    return bounds


def _next(value: Any) -> Any:
    """The least value above this one.

    "At most" is asked as "below the next": the embedded engine leaves the equal ones out of an `$lte` when the index
    goes on behind the field. Numbers that are compared are whole here.
    """
    return value + "\0" if isinstance(value, str) else value + 1


def _go_on(asked: Any, mark: Any, down: bool, *, strictly: bool) -> Filter:
    """A range narrowed to what lies behind a mark, the mark's equals included unless `strictly`."""
    bounds: Filter = dict(asked) if isinstance(asked, dict) else {}
    if down:
        end = mark if strictly else _next(mark)
        bounds["$lt"] = min(bounds.get("$lt", end), end)
        return bounds
    start = bounds.get("$gt", bounds.get("$gte"))
    if start is not None and (start > mark or (start == mark and "$gt" in bounds)):
        return bounds
    upper = {operator: bound for operator, bound in bounds.items() if operator == "$lt"}
    return {"$gt" if strictly else "$gte": mark, **upper}


def _behind(plan: Plan, after: tuple[Any, ...]) -> Filter:
    """What comes after a position in an order of several fields."""
    operator = "$lt" if plan.down else "$gt"
    choices: list[Filter] = []
    for place, field in enumerate(plan.order):
        same = dict(zip(plan.order[:place], after[:place], strict=True))
        choices.append({**same, field: {operator: after[place]}})
    return {"$or": choices}


def _fits(value: Any, wanted: Any) -> bool:
    values = value if isinstance(value, list) else (value,)
    if isinstance(wanted, OneOf):
        return any(one in wanted.values for one in values)
    if isinstance(wanted, Range):
        return any(_within(one, wanted) for one in values)
    return wanted in values or value == wanted


def _within(value: Any, bounds: Range) -> bool:
    if value is None:
        return False
    return (
        (bounds.above is None or value > bounds.above)
        and (bounds.at_least is None or value >= bounds.at_least)
        and (bounds.below is None or value < bounds.below)
        and (bounds.at_most is None or value <= bounds.at_most)
    )


def _sortable(values: Sequence[Any]) -> tuple[Any, ...]:
    """Values that compare as the database does it: null before anything else."""
    return tuple((value is not None, value) for value in values)
