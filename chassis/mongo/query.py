"""From `find(entity, where, order …)` to a query that a declared index serves (`index_choice.py`).

A query is sent as two stages (`conditions.py`), and can be answered from memory for records of the working set.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from chassis.mongo.conditions import Filter, stages_of
from chassis.mongo.index_choice import Plan, choose
from chassis.mongo.table import Table
from chassis.unit import OneOf, Range, Where


class Query:
    """A query, ready to be sent, and to be evaluated in memory."""

    __slots__ = ("after", "collection", "first", "held_as", "key", "limit", "plan", "second", "table", "tests")

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
        self.held_as = table.held_as
        self.plan = plan
        self.limit = limit
        self.after = None if after is None else tuple(after)[: len(plan.order)]
        self.tests = tuple((table.getter(field), field, wanted) for field, wanted in {**rest, **conditions}.items())
        self.key = (
            table.held_as,
            table.name,
            plan,
            tuple(conditions.items()),
            tuple(rest.items()),
            self.after,
        )
        self.first, self.second = stages_of(plan, conditions, rest, self.after)

    @property
    def equal(self) -> tuple[tuple[str, tuple[Any, ...]], ...]:
        """The fields that a matching record must equal, each with the accepted values."""
        found = []
        for _, field, wanted in self.tests:
            if field in self.plan.equal:
                found.append((field, wanted.values if isinstance(wanted, OneOf) else (wanted,)))
        return tuple(found)

    @property
    def sort(self) -> tuple[tuple[str, int], ...]:
        """The order in the driver's form."""
        return tuple((field, -1 if self.plan.down else 1) for field in self.plan.order)

    @property
    def last_field(self) -> str:
        """The last field that the index covers."""
        return next(reversed(self.first))

    def sibling_key(self) -> Any:
        """Equal for queries that differ only in the value of their last covered field; None if the query has no such
        form.
        """
        if not self.first or self.after is not None:
            return None
        *heads, (field, value) = self.first.items()
        plain = all(not isinstance(part, dict | list) for _, part in (*heads, (field, value)))
        if not plain or value is None or "." in field or field in {name for name, _ in self.plan.keys.where}:
            return None
        if self.table.projection is not None and field not in self.table.projection:
            return None
        _, _, _, conditions, more, _ = self.key
        rest = tuple(test for test in conditions if test[0] != field)
        return (self.held_as, self.table.name, self.plan, tuple(heads), field, rest, more)

    def together(self, siblings: Sequence["Query"]) -> Filter:
        """The first stage for all of these siblings at once."""
        field = self.last_field
        return {**self.first, field: {"$in": [each.first[field] for each in siblings]}}

    def pipeline(self, limit: int) -> list[dict[str, Any]]:
        """The query as an aggregation."""
        stages: list[dict[str, Any]] = [{"$match": self.first}, *({"$match": part} for part in self.second)]
        if self.plan.order:
            stages.append({"$sort": dict(self.sort)})
        stages.append({"$limit": limit})
        return stages if self.table.projection is None else [*stages, {"$project": self.table.projection}]

    def matches(self, record: Any) -> bool:
        """Whether a record is part of the result."""
        for getter, _, wanted in self.tests:
            if not _fits(getter(record), wanted):
                return False
        if self.after is None:
            return True
        place = self.place_of(record)
        mark = _sortable(self.after)
        return place < mark if self.plan.down else place > mark

    def place_of(self, record: Any) -> tuple[Any, ...]:
        """A record's place in the order."""
        return _sortable(self.position_of(record))

    def position_of(self, record: Any) -> tuple[Any, ...]:
        """The values of the order's fields: what `after` takes."""
        return tuple(self.table.getter(field)(record) for field in self.plan.order)

    def arranged(self, records: list[Any]) -> list[Any]:
        """Records in the query's order, at most `limit`."""
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
    """The query that `find` was called with. Raises `UnservedQuery` if no declared index serves it."""
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
    """Values that compare as the database compares them: null before anything else."""
    return tuple((value is not None, value) for value in values)
