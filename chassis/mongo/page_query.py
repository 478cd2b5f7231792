"""A page as it is asked for, and the finds that it is read by."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from chassis.mongo.query import Query, build
from chassis.unit import Range, Where


class PagePart(NamedTuple):
    """A find that brings a part of a page."""

    where: Where
    order: Sequence[str]
    after: Sequence[Any] | None


class PageQuery(NamedTuple):
    """A page as it is asked for. `mark` is equal for all pages of one query, see `fingerprint`."""

    query: Query
    org: str | None
    where: Where
    rest: Where | None
    limit: int
    after: Sequence[Any] | None
    mark: str

    @property
    def order(self) -> Sequence[str]:
        """The fields by which its records are told apart, as `find` takes them."""
        return self.query.order

    @property
    def field(self) -> str:
        """The order's first field."""
        return self.order[0].removeprefix("-")

    @property
    def shape(self) -> tuple[Any, ...]:
        """Equal for queries that differ in values alone."""
        return (self.query.table.name, self.query.plan, tuple(self.rest or ()))

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for the same page of the same query."""
        return (self.mark, self.limit, None if self.after is None else tuple(self.after))

    def bounded(self, bounds: Range | None) -> Where:
        """The query within bounds of its order's first field."""
        return self.where if bounds is None else {**self.where, self.field: bounds}

    def in_group(self, group: Any) -> "PageQuery":
        """This page among the records with one value of the order's first field, in the order of the fields behind."""
        where, order = {**self.where, self.field: group}, self.order[1:]
        query = build(self.query.table, self.org, where, order, self.limit, None, self.rest)
        after = None if self.after is None else self.after[1:]
        return PageQuery(query, self.org, where, self.rest, self.limit, after, fingerprint(query, order))


def fingerprint(query: Query, order: Sequence[str]) -> str:
    """Identifies the query that a token belongs to."""
    _, name, _, conditions, rest, _ = query.key
    told = (name, sorted(map(repr, conditions)), sorted(map(repr, rest)), tuple(order))
    return hashlib.sha256(repr(told).encode()).hexdigest()
