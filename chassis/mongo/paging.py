"""Pages of a query: by keyset, never by skipping, with a sealed token for the next page.

Where a limited read costs as much as the whole range (`quirks.py`), a page is read in ranges (`page_ranges.py`). A page
that was read before is asked for up to its last record, and further only if records have gone since.
"""

import hashlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from time import monotonic
from typing import Any, NamedTuple, Protocol

from chassis.clock import Utc, to_millis
from chassis.entity import Entity
from chassis.mongo.page_ranges import (
    Remembered,
    Spacing,
    ValueScale,
    WideningRanges,
    common_head,
    default_pace,
    line_of,
    line_of_time,
    pace_seen,
    text_bounds,
    within,
)
from chassis.mongo.query import Query, build
from chassis.mongo.quirks import Quirks
from chassis.mongo.table import Table
from chassis.page import Page, Paged, Seal, items_of
from chassis.unit import Range, Where

PACE_SECONDS = 0.05
"""How long a learned pace stays as it is: pages of one query that are read at once would change it in turns."""


END_SECONDS = 1.0
"""How long a count relies on where its first records ended."""


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


class PageQuery(NamedTuple):
    """A page as it is asked for."""

    query: Query
    where: Where
    order: Sequence[str]
    rest: Where | None
    limit: int
    after: Sequence[Any] | None
    mark: str

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


class Paging:
    """Reads pages and makes their tokens."""

    def __init__(self, seal: Seal, quirks: Quirks) -> None:
        self._seal = seal
        self._in_ranges = quirks.reads_whole_ranges
        self._ends: Remembered[Any, Any] = Remembered()
        self._paces: Remembered[Any, Spacing] = Remembered()
        self._heads: Remembered[Any, int] = Remembered()
        self._kept: Remembered[Any, float] = Remembered()

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
        mark = _fingerprint(query, order)
        after = self._seal.open(mark, page.next_token) if page.next_token is not None else None
        found = await self._find(view, PageQuery(query, where, order, rest, items + 1, after, mark))
        more = len(found) > items
        found = found[:items]
        token = self._seal.seal(mark, query.position_of(found[-1])) if more else None
        return Page(items=found, count=len(found), next_token=token)

    def token_behind(
        self,
        record: Any,
        table: Table[Any],
        org: str | None,
        where: Where,
        order: Sequence[str],
        rest: Where | None,
    ) -> str:
        """The token of the page behind a record of this query."""
        query = build(table, org, where, order, 1, None, rest)
        return self._seal.seal(_fingerprint(query, order), query.position_of(record))

    async def count(
        self,
        view: PageSource,
        table: Table[Any],
        org: str | None,
        where: Where,
        order: Sequence[str],
        rest: Where | None,
        most: int,
        count_part: Callable[[Where, int], Awaitable[int]],
    ) -> int:
        """The number of matching records, counted up to `most`. `count_part` counts those of a narrower `where`."""
        query = build(table, org, where, order, most, None, rest)
        asked = PageQuery(query, where, order, rest, most, None, _fingerprint(query, order))
        if not self._takes_ranges(asked):
            return await count_part(where, most)
        # Where nothing tells how the records lie, the end of the first ones is remembered; it moves as records come.
        by_end = not asked.query.plan.down or line_of_time(query) is None
        known = self._ends.get(asked.key) if by_end else self._paces.get(asked.mark)
        if known is None or (by_end and monotonic() - (self._kept.get(asked.key) or 0.0) >= END_SECONDS):
            self._kept.put(asked.key, monotonic())
            return len(await self._find(view, asked))
        counted = 0
        for bounds in self._ranges(view, asked, [], from_end=by_end):
            counted += await count_part(_part(asked, bounds), most - counted)
            if counted >= most:
                break
        return counted

    async def _find(self, view: PageSource, asked: PageQuery) -> list[Any]:
        """Up to `limit` records, in one find or in ranges that follow each other."""
        if not self._takes_ranges(asked):
            return await _read(view, asked, None, asked.limit)
        found: list[Any] = []
        for bounds in self._ranges(view, asked, found):
            found += await _read(view, asked, bounds, asked.limit - len(found))
            if len(found) >= asked.limit:
                break
        self._learn(asked, [asked.query.position_of(record)[0] for record in found])
        return found

    def _takes_ranges(self, asked: PageQuery) -> bool:
        return self._in_ranges and asked.field not in asked.where

    def _ranges(
        self, view: PageSource, asked: PageQuery, found: Sequence[Any], *, from_end: bool = True
    ) -> Iterator[Range | None]:
        """What to read for a page, one range after the other; `found` is what the ones before have brought.

        from_end  whether the first range reaches to where the same page ended before
        """
        down = asked.query.plan.down
        near = self._ends.get(asked.key) if from_end else None
        if near is not None:
            yield within(down, None, near)
        for far in self._floors(view, asked, near, found):
            yield within(down, near, far)
            near = far
        yield None if near is None else within(down, near, None)

    def _floors(self, view: PageSource, asked: PageQuery, near: Any, found: Sequence[Any]) -> Iterator[Any]:
        """Where the ranges behind `near` end, but for the last one, which has no end."""
        known = asked.after[0] if near is None and asked.after is not None else near
        if isinstance(known, str) and (not asked.query.plan.down or line_of(asked.query, known) is None):
            yield from text_bounds(known, self._heads.get(asked.shape), down=asked.query.plan.down)
            return
        own = self._paces.get(asked.mark)
        pace = own or self._paces.get(asked.shape)
        if not asked.query.plan.down or (pace is not None and pace.few):
            return
        start = _start(view, asked, near, pace)
        if start is None:
            return
        line, place = start
        if pace is None:
            pace = default_pace(line)
        walk = WideningRanges(line, pace, place, bottom=own.bottom if own is not None else None)
        while (floor := walk.floor(asked.limit - len(found))) is not None:
            yield floor

    def _learn(self, asked: PageQuery, values: Sequence[Any]) -> None:
        """Remember where a page ended and how its records lie."""
        first, last = asked.after is None, len(values) < asked.limit
        if last or not isinstance(values[-1], str | int):
            self._ends.drop(asked.key)
        else:
            self._ends.put(asked.key, values[-1])
        if len(values) > 1 and isinstance(values[0], str) and isinstance(values[-1], str):
            self._heads.put(asked.shape, common_head(values[0], values[-1]))
        line = line_of(asked.query, values[0]) if values else line_of_time(asked.query)
        if line is None or not asked.query.plan.down:
            return
        try:
            places = [line.place(value) for value in values]
        except ValueError:
            return
        default = default_pace(line)
        self._keep_pace(asked.mark, pace_seen(self._paces.get(asked.mark) or default, places, first=first, last=last))
        if first:
            known = self._paces.get(asked.shape) or default
            self._keep_pace(asked.shape, pace_seen(known, places, first=first, last=last))

    def _keep_pace(self, key: Any, pace: Spacing) -> None:
        """Remember a pace, but leave it for a moment: the runs of a batch must come to ask for the same ranges."""
        now = monotonic()
        if now - (self._kept.get(key) or 0.0) < PACE_SECONDS:
            return
        self._kept.put(key, now)
        self._paces.put(key, pace)


async def _read(view: PageSource, asked: PageQuery, bounds: Range | None, limit: int) -> list[Any]:
    where = _part(asked, bounds)
    return await view.find(
        asked.query.table.entity, where, order=asked.order, limit=limit, after=asked.after, rest=asked.rest
    )


def _part(asked: PageQuery, bounds: Range | None) -> Where:
    """The query within bounds of its order's first field."""
    return asked.where if bounds is None else {**asked.where, asked.field: bounds}


def _start(view: PageSource, asked: PageQuery, near: Any, pace: Spacing | None) -> tuple[ValueScale, int] | None:
    """The line of a query's order, and the place from which on records are wanted; None if there is no line."""
    known = near if near is not None or asked.after is None else asked.after[0]
    line = line_of_time(asked.query) if known is None else line_of(asked.query, known)
    if line is None:
        return None
    if known is not None:
        try:
            return line, line.place(known)
        except ValueError:
            return None
    newest = pace.newest if pace is not None else None
    return line, (to_millis(view.now) * line.unit if newest is None else newest) + 1


def _fingerprint(query: Query, order: Sequence[str]) -> str:
    """Identifies the query that a token belongs to."""
    _, name, _, conditions, rest, _ = query.key
    told = (name, sorted(map(repr, conditions)), sorted(map(repr, rest)), tuple(order))
    return hashlib.sha256(repr(told).encode()).hexdigest()
