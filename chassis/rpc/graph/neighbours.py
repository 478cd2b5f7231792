"""Neighbours: the records at the other end of edges, hop after hop, and how many there are."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from chassis.entity import Entity
from chassis.errors import Invalid, invalid_field
from chassis.mongo.direct_reader import DirectReader
from chassis.page import Page, PageRequest, Seal
from chassis.rpc.graph.by_ids import ByIds
from chassis.rpc.graph.indexed_queries import IndexedQueries, IndexedQuery
from chassis.rpc.graph.records import Bounds, Listing, Position, Presenter, Source, fill
from chassis.values import PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX
from retailstack.graph.v1 import source_pb2 as pb

COUNT_MAX = 257
"""Counts stop here; the contract shows them as "256+"."""

HOPS_MAX = 64
VALUES_MAX = 1000


class Neighbours:
    """Answers `ListNeighbours`."""

    def __init__(
        self,
        reader: DirectReader,
        seal: Seal,
        presenters: Mapping[str, Presenter],
        queries: Mapping[str, IndexedQueries],
    ) -> None:
        self._reader = reader
        self._seal = seal
        self._presenters = presenters
        self._queries = queries

    async def answer(self, request: pb.ListNeighboursRequest) -> pb.Neighbours:
        """The records of the hops, until the limit is reached."""
        if not 1 <= len(request.hops) <= HOPS_MAX:
            raise invalid_field("hops", f"must be 1 to {HOPS_MAX}")
        limit = request.limit if request.HasField("limit") else PAGE_ITEMS_DEFAULT
        hops = [self._hop(hop, request.orgcode) for hop in request.hops]
        counts: Sequence[int | None] = [None] * len(hops)
        if request.counts:
            counts = await asyncio.gather(*(hop.count() for hop in hops))
        bounds = Bounds(max(0, min(limit, PAGE_ITEMS_MAX)))
        return pb.Neighbours(results=[await hop.result(bounds, count) for hop, count in zip(hops, counts, strict=True)])

    def _hop(self, hop: pb.Hop, orgcode: str) -> "_Hop":
        values = list(dict.fromkeys(hop.values))
        if not 1 <= len(values) <= VALUES_MAX:
            raise invalid_field("hops.values", f"must be 1 to {VALUES_MAX}")
        unknown = [name for name in hop.entities if name not in self._queries]
        if unknown or not hop.entities:
            raise invalid_field("hops.entities", f"there is no kind {', '.join(unknown)}")
        asked = ["neighbours", orgcode, list(hop.entities), hop.field, values]
        kinds = [
            (self._presenters[name], _kind(self._reader, self._queries[name], hop.field, values, orgcode))
            for name in hop.entities
        ]
        start: Position = (0, None)
        if hop.HasField("next_token"):
            place, token = self._seal.open(asked, hop.next_token)
            start = (place, token)
        return _Hop(kinds, start, asked, self._seal)


class Kind(Source, Protocol):
    """The records of one kind that a hop leads to."""

    async def count(self, most: int) -> int:
        """How many, counted up to `most`."""
        ...


class ByIndex:
    """Records of one entity found by an index."""

    def __init__(self, reader: DirectReader, entity: Entity[Any], org: str | None, query: IndexedQuery) -> None:
        self._reader = reader
        self._entity = entity
        self._org = org
        self._query = query
        self._few = False

    async def count(self, most: int) -> int:
        """See `Kind`."""
        query = self._query
        found = await self._reader.count(
            self._entity, self._org, query.where, order=query.order, rest=query.rest, most=most
        )
        self._few = found < most
        return found

    async def read(self, page: PageRequest) -> Page[Any]:
        """See `Source`."""
        query = self._query
        return await self._reader.page(
            self._entity, self._org, query.where, page=page, order=query.order, rest=query.rest, few=self._few
        )

    def behind(self, record: Any) -> str:
        """See `Source`."""
        query = self._query
        return self._reader.token_behind(record, self._entity, self._org, query.where, query.order, query.rest)


class _Hop:
    def __init__(self, kinds: Sequence[tuple[Presenter, Kind]], start: Position, asked: Any, seal: Seal) -> None:
        self._kinds = kinds
        self._start = start
        self._asked = asked
        self._seal = seal
        self._empty = False

    async def count(self) -> int:
        """How many records there are, at most `COUNT_MAX`."""
        found = sum(await asyncio.gather(*(kind.count(COUNT_MAX) for _, kind in self._kinds)))
        self._empty = found == 0
        return min(COUNT_MAX, found)

    async def result(self, bounds: Bounds, count: int | None) -> pb.HopResult:
        """The hop's records as far as there is bounds."""
        if self._empty:
            return pb.HopResult(reached=True, count=count)
        if bounds.full:
            return pb.HopResult(reached=False, count=count)
        found, position = await fill([Listing(presenter, kind) for presenter, kind in self._kinds], self._start, bounds)
        token = None if position is None else self._seal.seal(self._asked, position)
        return pb.HopResult(items=found, next_token=token, count=count, reached=True)


def _kind(reader: DirectReader, queries: IndexedQueries, field: str, values: Sequence[str], orgcode: str) -> Kind:
    entity = queries.entity
    org = orgcode if orgcode and entity.org_scoped else None
    if field in {"", entity.id}:
        return ByIds(reader, entity, values, org)
    query = queries.by_values(field, values, orgcode)
    if query is None:
        raise Invalid(f"no index finds {entity.name} records by {field}")
    return ByIndex(reader, entity, org, query)
