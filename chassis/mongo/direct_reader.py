"""Reads for operators, outside the batches of views: they hold up no call, and read any org.

Each read sees what a majority has committed at its own time.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from functools import partial
from typing import Any, TypeVar

from chassis.clock import Clock, Utc
from chassis.entity import Document, Entity
from chassis.mongo.client import Database
from chassis.mongo.erasure import unreachable_as_unavailable
from chassis.mongo.paging import Paging
from chassis.mongo.query import Query, build
from chassis.mongo.quirks import MONGODB
from chassis.mongo.table import Table
from chassis.page import Page, Paged, Seal, items_of
from chassis.unit import OneOf, Where

R = TypeVar("R", bound=Document)
T = TypeVar("T")


class DirectReader:
    """Reads of one database. `org` None: of all orgs."""

    def __init__(self, database: Database, clock: Clock, page_key: bytes) -> None:
        self._database = database
        self._clock = clock
        self._tables: dict[Entity[Any], Table[Any]] = {}
        seal = Seal(page_key)
        self._paging = Paging(seal, database.quirks)
        self._paging_of_few = Paging(seal, MONGODB)
        self._goes_on = database.quirks.reads_whole_ranges
        self._running: dict[Any, asyncio.Task[Any]] = {}

    @property
    def now(self) -> Utc:
        """The time."""
        return self._clock.now()

    async def by_ids(self, entity: Entity[R], ids: Iterable[str]) -> list[R]:
        """The existing records with these ids, of any org, in no order."""
        table = self._table(entity)
        asked = list(dict.fromkeys(ids))
        with unreachable_as_unavailable():
            found = await self._database.collection(table.collection).find({"_id": {"$in": asked}}) if asked else []
        return [table.decode(each) for each in found if not table.kind or each.get("kind") == table.kind]

    async def page(
        self,
        entity: Entity[R],
        org: str | None,
        where: Where,
        *,
        page: Paged,
        order: Sequence[str] = (),
        rest: Where | None = None,
        few: bool = False,
    ) -> Page[R]:
        """One page, see `View.page`. `few`: at most some hundred records match, so it is read at once."""
        paging = self._paging_of_few if few else self._paging
        asked = ("page", items_of(page), page.next_token, entity, org, repr(where), tuple(order), repr(rest))
        return await self._learning(
            asked, lambda: paging.page(_OfOrg(self, org), self._table(entity), org, where, page, order, rest)
        )

    def token_behind(
        self,
        record: Any,
        entity: Entity[Any],
        org: str | None,
        where: Where,
        order: Sequence[str],
        rest: Where | None,
    ) -> str:
        """The token of the page behind a record of such a page."""
        return self._paging.token_behind(record, self._table(entity), org, where, order, rest)

    async def find(
        self,
        entity: Entity[R],
        org: str | None,
        where: Where,
        *,
        order: Sequence[str] = (),
        limit: int = 1000,
        after: Sequence[Any] | None = None,
        rest: Where | None = None,
    ) -> list[R]:
        """Records by a declared index, see `View.find`."""
        if _is_empty(where):
            return []
        query = build(self._table(entity), org, where, order, limit, after, rest)
        source = self._database.collection(query.collection)
        with unreachable_as_unavailable():
            if query.second:
                documents = await source.aggregate(query.pipeline(limit))
            else:
                documents = await source.find(query.first, sort=query.sort, limit=limit)
        return [query.table.decode(document) for document in documents]

    async def count(
        self, entity: Entity[Any], org: str | None, where: Where, *, order: Sequence[str], rest: Where | None, most: int
    ) -> int:
        """The number of matching records, counted up to `most`, by their index alone where it covers the query."""
        if _is_empty(where):
            return 0
        table = self._table(entity)

        async def count_part(part: Where, limit: int) -> int:
            return await self._count(build(table, org, part, order, most, None, rest), limit)

        asked = ("count", most, "", entity, org, repr(where), tuple(order), repr(rest))
        return await self._learning(
            asked, lambda: self._paging.count(_OfOrg(self, org), table, org, where, order, rest, most, count_part)
        )

    async def size(self, collection: str) -> int:
        """The approximate number of documents in a collection, see `CollectionSizes`."""
        with unreachable_as_unavailable():
            return await self._database.sizes.of(collection)

    async def _learning(self, asked: Any, read: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of a read, which several callers may await at once.

        Where the first read of a crowd may take longer than its caller waits, it goes on without them: what it learns
        makes the next one quick, and if each was given up none ever would be.
        """
        if not self._goes_on:
            return await read()
        task: asyncio.Task[T] | None = self._running.get(asked)
        if task is None:
            task = self._running[asked] = asyncio.create_task(read())
            task.add_done_callback(partial(self._ended, asked))
        return await asyncio.shield(task)

    def _ended(self, asked: Any, task: asyncio.Task[Any]) -> None:
        del self._running[asked]
        # To have seen its error: perhaps no caller is left who would.
        if not task.cancelled():
            task.exception()

    async def _count(self, query: Query, most: int) -> int:
        stages = [{"$match": query.first}, *({"$match": part} for part in query.second)]
        source = self._database.collection(query.collection)
        with unreachable_as_unavailable():
            found = await source.aggregate([*stages, {"$limit": most}, {"$count": "n"}])
        return int(found[0]["n"]) if found else 0

    def _table(self, entity: Entity[Any]) -> Table[Any]:
        table = self._tables.get(entity)
        if table is None:
            table = self._tables[entity] = Table(entity)
        return table


class _OfOrg:
    """The reads of one org, as `Paging` takes them."""

    def __init__(self, reader: DirectReader, org: str | None) -> None:
        self._reader = reader
        self._org = org

    @property
    def now(self) -> Utc:
        return self._reader.now

    async def find(self, entity: Entity[Any], where: Where, **asked: Any) -> list[Any]:
        return await self._reader.find(entity, self._org, where, **asked)


def _is_empty(where: Where) -> bool:
    return any(isinstance(asked, OneOf) and not asked.values for asked in where.values())
