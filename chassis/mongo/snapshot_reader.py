"""Snapshot readers: views whose reads await the database directly, within a transaction of their own.

Views and changes share transactions, so a long scan in one would delay the others of its batch. Long scans read here.
"""

from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from contextlib import asynccontextmanager
from copy import copy
from typing import Any, Self, TypeVar

from chassis.caller import Call
from chassis.clock import Clock, Utc
from chassis.entity import Document, Entity
from chassis.errors import NotFound
from chassis.mongo.client import Database
from chassis.mongo.composite_reads import CompositeReads
from chassis.mongo.paging import Paging
from chassis.mongo.query import build
from chassis.mongo.table import Table, Tables
from chassis.mongo.transaction import Transaction
from chassis.page import Page, Paged
from chassis.unit import OneOf, Range, SnapshotReader, SnapshotReaders, Where

R = TypeVar("R", bound=Document)
T = TypeVar("T")


class MongoSnapshotReader(CompositeReads):
    """The view of `SnapshotReaders.snapshot_reader`."""

    def __init__(
        self, database: Database, tables: Tables, paging: Paging, transaction: Transaction, call: Call, now: Utc
    ) -> None:
        self.call = call
        self.now = now
        self._database = database
        self._tables = tables
        self._paging = paging
        self._transaction = transaction
        self._every = False

    def every_org(self) -> Self:
        view = copy(self)
        view._every = True
        return view

    def prefetch(self, entity: Entity[Any], keys: Iterable[Any], by: str | None = None) -> None:
        """Does nothing: every read here awaits the database."""

    async def together(self, reads: Iterable[Awaitable[T]]) -> list[T]:
        """Awaits them one after the other: a transaction takes one command at a time."""
        return [await read for read in reads]

    async def get(self, entity: Entity[R], record_id: str) -> R | None:
        return (await self.get_many(entity, [record_id])).get(record_id)

    async def get_many(self, entity: Entity[R], record_ids: Iterable[str]) -> dict[str, R]:
        wanted = list(dict.fromkeys(record_ids))
        found = await self.find(entity, {entity.id: OneOf(values=tuple(wanted))}, limit=len(wanted)) if wanted else []
        return {entity.id_of(record): record for record in found}

    async def load(self, entity: Entity[R], record_id: str) -> R:
        record = await self.get(entity, record_id)
        if record is None:
            raise NotFound(f"there is no such {entity.name.replace('_', ' ')}")
        return record

    async def lookup(self, entity: Entity[R], by: str, *values: Any) -> R | None:
        return (await self.lookup_many(entity, by, [values])).get(values)

    async def lookup_many(
        self, entity: Entity[R], by: str, keys: Iterable[tuple[Any, ...]]
    ) -> dict[tuple[Any, ...], R]:
        fields = entity.index_named(by).fields
        found: dict[tuple[Any, ...], R] = {}
        for key in keys:
            where = {**(entity.index_named(by).where or {}), **dict(zip(fields, key, strict=True))}
            for record in await self.find(entity, where, limit=1):
                found[key] = record
        return found

    async def find(
        self,
        entity: Entity[R],
        where: Where,
        *,
        order: Sequence[str] = (),
        limit: int = 1000,
        after: Sequence[Any] | None = None,
        rest: Where | None = None,
    ) -> list[R]:
        table, org = self._asked(entity)
        if any(isinstance(asked, OneOf) and not asked.values for asked in (*where.values(), *(rest or {}).values())):
            return []
        query = build(table, None if _by_id(entity, where) else org, where, order, limit, after, rest)
        source = self._database.collection(query.collection)
        if query.second:
            documents = await source.aggregate(query.pipeline(limit), session=self._transaction)
        else:
            documents = await source.find(
                query.first, projection=table.projection, sort=query.sort, limit=limit, session=self._transaction
            )
        records = [table.decode(document) for document in documents]
        return [record for record in records if org is None or getattr(record, "orgcode", org) == org]

    async def page(
        self,
        entity: Entity[R],
        where: Where,
        *,
        page: Paged,
        order: Sequence[str] = (),
        rest: Where | None = None,
    ) -> Page[R]:
        table, org = self._asked(entity)
        return await self._paging.page(self, table, org, where, page, order, rest)

    async def parts(
        self, entity: Entity[Any], where: Where, *, fields: Sequence[str], order: Sequence[str] = (), size: int = 1000
    ) -> AsyncIterator[list[dict[str, Any]]]:
        table, org = self._asked(entity)
        query = build(table, None if _by_id(entity, where) else org, where, order)
        assert not query.second, f"{table.name}: no index serves all of {sorted(where)}"
        stored = [table.stored_field(field) for field in fields]
        source = self._database.collection(query.collection)
        sort = query.sort if order else ()
        async for batch in source.batches(query.first, fields=stored, sort=sort, size=size, session=self._transaction):
            yield batch

    def _asked(self, entity: Entity[R]) -> tuple[Table[R], str | None]:
        """The entity's table, and the org the query is limited to."""
        table = self._tables.of(entity)
        return table, None if self._every or not table.org_scoped else self.call.orgcode


def _by_id(entity: Entity[Any], where: Where) -> bool:
    """Whether a query is served by the ids alone. A range of ids beside other fields is served by an index that begins
    with the org."""
    return entity.id in where and (len(where) == 1 or not isinstance(where[entity.id], Range))


class MongoSnapshotReaders(SnapshotReaders):
    """Snapshot readers over one database."""

    def __init__(self, database: Database, tables: Tables, paging: Paging, clock: Clock) -> None:
        self._database = database
        self._tables = tables
        self._paging = paging
        self._clock = clock

    @asynccontextmanager
    async def snapshot_reader(self, call: Call, *, moment: bool = True) -> AsyncIterator[SnapshotReader]:
        """See `SnapshotReaders.snapshot_reader`."""
        reading = self._database.transaction() if moment else self._database.outside()
        async with reading as transaction:
            yield MongoSnapshotReader(self._database, self._tables, self._paging, transaction, call, self._clock.now())
