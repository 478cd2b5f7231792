"""Which index serves what the graph asks of an entity, and in which order it returns the records."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, get_args, get_origin, get_type_hints

import msgspec

from chassis.defects import UnservedQuery
from chassis.entity import Entity
from chassis.errors import invalid_field
from chassis.mongo.query import build
from chassis.mongo.table import Table
from chassis.pattern import pattern
from chassis.unit import Where, one_of


class IndexedQuery(NamedTuple):
    """A query that an index serves: for `View.page` and `Counter.count`."""

    where: Where
    order: tuple[str, ...]
    rest: Where | None


class IndexedQueries:
    """The queries to the records of one entity."""

    def __init__(self, entity: Entity[Any]) -> None:
        self.entity = entity
        self.table = Table(entity)
        self._hints = get_type_hints(entity.struct)
        self._orders: dict[Any, tuple[str, ...] | None] = {}

    def by_fields(self, fields: Mapping[str, Any], org: str) -> IndexedQuery | None:
        """To the records with these values, of an org or ("") of all; None if no index serves that."""
        own = {name: value for name, value in fields.items() if name != "orgcode" or not self._scoped(org)}
        of_kind = self._served({**own, "kind": self.entity.kind}, org, None) if self.entity.kind else None
        found = of_kind or self._served(own, org, None)
        if found is not None:
            return found
        asked = own or ({"orgcode": org} if self._scoped(org) else {})
        if len(asked) == 1 and next(iter(asked)) in self.entity.finders:
            ((field, value),) = asked.items()
            return self.by_values(field, [value], org)
        return None

    def by_values(self, field: str, values: Sequence[str], org: str) -> IndexedQuery | None:
        """To the records whose field has one of these values; None if no index serves that."""
        finder = self.entity.finders.get(field)
        if finder is None:
            return self.by_fields({field: one_of(values)}, org)
        if len(finder.where) > 1 and len(values) > 1:
            raise invalid_field("values", f"{field} takes one value at a time")
        where = self._filled(finder.where, finder.value, values)
        return self._served(where, org, self._filled(finder.rest, finder.value, values) or None)

    def is_served(self, field: str) -> bool:
        """Whether records are found by this field, within an org if they belong to one."""
        return field in {"", self.entity.id} or self.by_values(field, ["x"], "x") is not None

    def _scoped(self, org: str) -> bool:
        return bool(org) and self.entity.org_scoped

    def _served(self, where: Where, org: str, rest: Where | None) -> IndexedQuery | None:
        asked = (tuple(where), self._scoped(org))
        if asked not in self._orders:
            self._orders[asked] = self._order(where, org)
        order = self._orders[asked]
        return None if order is None else IndexedQuery(where, order, rest)

    def _order(self, where: Where, org: str) -> tuple[str, ...] | None:
        """Newest first if an index allows, otherwise the order of an index that begins with the query."""
        by_time = dict.fromkeys((f"-{self.entity.newest_by}", f"-{self.entity.id}"))
        for order in (*((field,) for field in by_time), *self._orders_of_indexes(where, org)):
            try:
                build(self.table, org if self._scoped(org) else None, where, order)
            except UnservedQuery:
                continue
            return order
        return None

    def _orders_of_indexes(self, where: Where, org: str) -> list[tuple[str, ...]]:
        known = {*where, *(("orgcode",) if self._scoped(org) else ())}
        orders = []
        for index in self.entity.indexes:
            if index.where or index.expire_after_seconds is not None:
                continue
            fields = [self.entity.id if field == "_id" else field for field in self.entity.fields_of(index)]
            order = tuple(fields[len(known) :])
            if set(fields[: len(known)]) == known and order and all(map(self._orders_pages, order)):
                orders.append(tuple(f"-{field}" for field in order) if self._rises(order[0]) else order)
        return orders

    def _rises(self, field: str) -> bool:
        """Whether later records have larger values of a field: times and running numbers."""
        return field.endswith("_utc") or self._hints[field] is int

    def _orders_pages(self, field: str) -> bool:
        """Whether records can be paged in the order of a field: each has one value of it."""
        hint = self._hints.get(field)
        return hint is not None and type(None) not in get_args(hint) and get_origin(hint) not in {list, tuple, dict}

    def _filled(self, where: Mapping[str, str], value: str, values: Sequence[str]) -> dict[str, Any]:
        """The index fields' values for these values of a finder; a value that does not match finds nothing."""
        parts = [part for part in map(pattern(value).parse, values) if part is not None]
        return {
            field: one_of(self._typed(field, filled) for part in parts if (filled := pattern(text).render(part)))
            for field, text in where.items()
        }

    def _typed(self, field: str, text: str) -> Any:
        """The value of a field in a key's text; a derived field holds text."""
        hint = self._hints.get(field, str)
        try:
            return msgspec.convert(text, hint, strict=False)
        except msgspec.ValidationError:
            return text
