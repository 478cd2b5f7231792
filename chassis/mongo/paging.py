"""Pages of a query: by keyset, never by skipping, with a sealed token for the next page.

Where a limited read costs as much as the whole range (`quirks.py`), a page ordered by time is read in windows of time
that grow until it is full.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

from chassis.clock import Utc, from_seconds, to_millis
from chassis.entity import Entity
from chassis.ids import millis_of
from chassis.mongo.query import Query, build
from chassis.mongo.quirks import Quirks
from chassis.mongo.table import Table
from chassis.page import Page, Paged, Seal, items_of
from chassis.unit import Range, Where

WINDOW_MILLIS_FIRST = 1_000
WINDOW_GROWTH = 16
WINDOW_MILLIS_MAX = 10 * 365 * 24 * 3600 * 1000
"""Beyond this width a window saves nothing: the rest is read without one."""


class PageSource(Protocol):
    """What pages are read from."""

    @property
    def now(self) -> Utc:
        """The time of the call."""
        ...

    async def find(
        self,
        entity: Entity[Any],
        where: Where,
        *,
        order: Sequence[str] = (),
        limit: int = 1000,
        after: Sequence[Any] | None = None,
        rest: Where | None = None,
    ) -> list[Any]:
        """See `View.find`."""
        ...


class Paging:
    """Reads pages and makes their tokens."""

    def __init__(self, seal: Seal, quirks: Quirks) -> None:
        self._seal = seal
        self._in_windows = quirks.reads_whole_ranges
        self._windows: dict[str, int] = {}

    async def page(
        self,
        view: PageSource,
        table: Table[Any],
        org: str | None,
        where: Where,
        page: Paged,
        order: Sequence[str],
        rest: Where | None,
    ) -> Page[Any]:
        """One page; see `View.page`."""
        order = order or (f"-{table.id_field}",)
        items = items_of(page)
        query = build(table, org, where, order, items, None, rest)
        asked = _fingerprint(query, order)
        after = self._seal.open(asked, page.next_token) if page.next_token is not None else None
        found = await self._find(view, query, where, order, items + 1, after, rest)
        more = len(found) > items
        found = found[:items]
        token = self._seal.seal(asked, query.position_of(found[-1])) if more else None
        return Page(items=found, count=len(found), next_token=token)

    async def _find(
        self,
        view: PageSource,
        query: Query,
        where: Where,
        order: Sequence[str],
        limit: int,
        after: Sequence[Any] | None,
        rest: Where | None,
    ) -> list[Any]:
        """Up to `limit` records, in one find or in growing windows."""
        entity = query.table.entity
        field = order[0].removeprefix("-")
        start = start_of(view.now, field, query.plan.order[0], after) if self._in_windows and query.plan.down else None
        if start is None or field in where:
            return await view.find(entity, where, order=order, limit=limit, after=after, rest=rest)
        found: list[Any] = []
        end: int | None = None
        # Start with the width that filled the last page of this kind.
        width = self._windows.get(entity.name, WINDOW_MILLIS_FIRST)
        while len(found) < limit and width < WINDOW_MILLIS_MAX:
            floor = start - width
            bounds = window_of(query.plan.order[0], floor, end)
            part = await view.find(
                entity, {**where, field: bounds}, order=order, limit=limit - len(found), after=after, rest=rest
            )
            found += part
            end, width = floor, width * WINDOW_GROWTH
        if len(found) >= limit:
            self._windows[entity.name] = max(WINDOW_MILLIS_FIRST, width // WINDOW_GROWTH)
            return found
        remaining = {**where, field: window_of(query.plan.order[0], None, end)}
        found += await view.find(entity, remaining, order=order, limit=limit - len(found), after=after, rest=rest)
        return found


def start_of(now: Utc, field: str, stored: str, after: Sequence[Any] | None) -> int | None:
    """Unix milliseconds where a page ordered backwards in time begins; None if its order is not time."""
    try:
        if stored == "_id":
            return millis_of(str(after[0])) if after else to_millis(now)
        if field.endswith("_utc"):
            return to_millis(Utc(str(after[0]))) if after else to_millis(now)
    except ValueError:
        return None
    return None


def window_of(stored: str, floor: int | None, end: int | None) -> Range:
    """The range of an id or a time from `floor` up to the start of the window before."""
    text = _id_at if stored == "_id" else _utc_at
    return Range(at_least=None if floor is None else text(floor), below=None if end is None else text(end))


def _id_at(millis: int) -> str:
    """The least id of a millisecond."""
    digits = f"{max(millis, 0):012x}"
    return f"{digits[:8]}-{digits[8:]}"


def _utc_at(millis: int) -> str:
    return from_seconds(max(millis, 0) / 1000)


def _fingerprint(query: Query, order: Sequence[str]) -> str:
    """Identifies the query that a token belongs to."""
    name, _, conditions, rest, _ = query.key
    told = (name, sorted(map(repr, conditions)), sorted(map(repr, rest)), tuple(order))
    return hashlib.sha256(repr(told).encode()).hexdigest()
