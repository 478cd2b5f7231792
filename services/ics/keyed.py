"""Lists whose filters are served by one array of keys on each record.

A record stores a key for each set of filters that is often asked for (`keys`, a derived field). A list looks up the
most selective key that its filters cover, newest id first, and checks the other filters on each record. However many
records others left, a page reads a bounded number: it may end early, with a token.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple, TypeVar

from chassis.clock import Utc
from chassis.entity import Document, Entity, Index, index
from chassis.page import Page, Paged
from chassis.unit import View

R = TypeVar("R", bound=Document)

KEYS = "keys"
"""The stored field with the keys."""


def keys_index(id_field: str) -> Index:
    """The index of the keys, each key's records by id."""
    return index(KEYS, id_field, name=KEYS)


class Choice(NamedTuple):
    """The key to look up, and the filters it does not cover."""

    key: str
    rest: dict[str, Any]


class KeyedFilters:
    """The sets of filters that have a key: code -> the filters' names, the most selective first, the empty set last.

    Codes are stored, so they never change their meaning. `prefix` keeps apart the kinds of records in one collection.
    `read` says how a filter's value is read off a record, where no field has its name; a list has several values.
    """

    def __init__(
        self,
        leads: Mapping[str, Sequence[str]],
        *,
        prefix: str = "",
        read: Mapping[str, Callable[[Any], Any]] | None = None,
    ) -> None:
        assert list(leads.values())[-1] == (), "the last set is empty, so that it always fits"
        self._leads = {f"{prefix}{code}": tuple(names) for code, names in leads.items()}
        self._read = dict(read or {})

    def keys_of(self, record: Any) -> list[str]:
        """The keys of a record: one for each set of filters whose values it has."""
        found: set[str] = set()
        for code, names in self._leads.items():
            values = [_several(self.value(record, name)) for name in names]
            found.update(_key(code, each) for each in product(*values))
        return sorted(found)

    def value(self, record: Any, name: str) -> Any:
        """What a filter is compared with."""
        read = self._read.get(name)
        return read(record) if read is not None else getattr(record, name)

    def choose(self, wanted: Mapping[str, Any]) -> Choice:
        """The most selective key that the filters cover. A filter of None is not given."""
        given = {name: value for name, value in wanted.items() if value is not None}
        code, names = next(each for each in self._leads.items() if set(each[1]) <= given.keys())
        rest = {name: value for name, value in given.items() if name not in names}
        return Choice(_key(code, [given[name] for name in names]), rest)

    def fits(self, record: Any, rest: Mapping[str, Any]) -> bool:
        """Whether a record has the values of these filters."""
        return all(wanted in _several(self.value(record, name)) for name, wanted in rest.items())


async def keyed_page(
    view: View,
    entity: Entity[R],
    filters: KeyedFilters,
    wanted: Mapping[str, Any],
    page: Paged,
    *,
    earlier: Mapping[str, Utc | None] | None = None,
) -> Page[R]:
    """A page of records, newest first. `earlier`: fields that are earlier than a time (None: no limit). Index: keys."""
    key, rest = filters.choose(wanted)
    before = {name: until for name, until in (earlier or {}).items() if until is not None}
    if not rest and not before:
        return await view.page(entity, {KEYS: key}, page=page)

    def shows(record: R) -> bool:
        return filters.fits(record, rest) and all(
            (value := getattr(record, name)) is not None and value < until for name, until in before.items()
        )

    async def show(records: Sequence[R]) -> list[R | None]:
        return [record if shows(record) else None for record in records]

    return await view.filtered_page(entity, {KEYS: key}, page=page, show=show, asked=[key, rest, before])


def _several(value: Any) -> Sequence[Any]:
    """The values of a field: none for None, all of a list."""
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _key(code: str, values: Sequence[Any]) -> str:
    return ":".join([code, *(str(value) for value in values)])
