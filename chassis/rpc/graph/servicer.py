"""`GraphSource`, derived from the declared entities: the service's records, their keys, neighbours and history.

Only for services of the stack and operators, since it reads across orgs. Every call is one page, read by an index.

    servicer.py         the calls
    schema.py           tables, kinds and edges as messages
    keys.py             PK and SK of records, and what they contain
    resolving.py        the record that a PK and SK name
    indexed_queries.py  which index serves what is asked
    records.py          records as messages, and pages bounded in bytes
    by_ids.py           pages over records whose ids are known
    neighbours.py       hops along edges
    causes.py           the records of one request or operation
    history_pages.py    pages of history
    history.py          history items as messages
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from chassis.clock import Clock
from chassis.entity import Edge, Entity
from chassis.errors import NotFound, invalid_field
from chassis.mongo.client import Database
from chassis.mongo.direct_reader import DirectReader
from chassis.page import PageRequest, Seal, items_of
from chassis.rpc.context import require_stack
from chassis.rpc.declaration import Served
from chassis.rpc.graph.by_ids import ByIds
from chassis.rpc.graph.causes import listings_of
from chassis.rpc.graph.history_pages import HistoryPages
from chassis.rpc.graph.indexed_queries import IndexedQueries
from chassis.rpc.graph.neighbours import ByIndex, Neighbours
from chassis.rpc.graph.records import Bounds, Listing, Position, Presenter, fill
from chassis.rpc.graph.resolving import KeyResolver
from chassis.rpc.graph.schema import Declared, table_of
from retailstack.graph.v1 import source_pb2 as pb
from retailstack.graph.v1 import source_pb2_grpc


class GraphServicer(source_pb2_grpc.GraphSourceServicer):
    """Serves the records of one service."""

    callers = ("visualgrid",)

    def __init__(self, service: str, reader: DirectReader, seal: Seal, entities: Sequence[Entity[Any]]) -> None:
        self._service = service
        self._reader = reader
        self._seal = seal
        self._entities = [entity for entity in entities if not entity.technical and entity.keys[0]]
        self._presenters = {entity.name: Presenter(service, entity) for entity in self._entities}
        self._queries = {entity.name: IndexedQueries(entity) for entity in self._entities}
        self._declared = Declared(service, self._entities, self._is_inward)
        self._neighbours = Neighbours(reader, seal, self._presenters, self._queries)
        self._resolver = KeyResolver(reader, self._queries)
        self._past = HistoryPages(service, reader, self._resolver, self._presenters, self._queries)

    async def Schema(self, request: pb.SchemaRequest, context: Any) -> pb.SchemaResponse:
        require_stack()
        counts = await asyncio.gather(*map(self._reader.size, self._declared.collections))
        return self._declared.answer(request.known_version, counts)

    async def ListRecords(self, request: pb.ListRecordsRequest, context: Any) -> pb.RecordPage:
        require_stack()
        page = _page(request.page)
        asked = ["records", *(_given(request, name) for name in ("entity", "partition", "orgcode", "id", "cause"))]
        asked.append(request.table)
        start: Position = (0, None)
        if page.next_token is not None:
            place, token = self._seal.open(asked, page.next_token)
            start = (place, token)
        found, position = await fill(await self._listings(request), start, Bounds(items_of(page)))
        token = None if position is None else self._seal.seal(asked, position)
        return pb.RecordPage(items=found, next_token=token)

    async def GetRecord(self, request: pb.GetRecordRequest, context: Any) -> pb.Record:
        require_stack()
        for presenter in self._in_table(request.table):
            record = await self._resolver.record_of(presenter, request.pk, request.sk)
            if record is not None:
                return presenter.to_proto(record)
        raise NotFound(f"there is no such record in {request.table}")

    async def ListNeighbours(self, request: pb.ListNeighboursRequest, context: Any) -> pb.Neighbours:
        require_stack()
        return await self._neighbours.answer(request)

    async def History(self, request: pb.HistoryRequest, context: Any) -> pb.HistoryPage:
        require_stack()
        page = _page(request.page)
        for presenter in self._in_table(request.table):
            found = await self._past.of(presenter, request.pk, request.sk, page)
            if found is not None:
                return found
        raise NotFound(f"there is neither a record nor an event with these keys in {request.table}")

    def _is_inward(self, entity: Entity[Any], edge: Edge) -> bool:
        """Whether an index finds the records that have an edge."""
        return self._queries[entity.name].is_served(edge.back)

    async def _listings(self, request: pb.ListRecordsRequest) -> list[Listing]:
        """What a request lists, kind after kind."""
        org = _given(request, "orgcode")
        presenters = list(self._presenters.values())
        if request.table:
            presenters = self._in_table(request.table)
        elif not (request.HasField("id") or request.HasField("cause")):
            raise invalid_field("table", "is required")
        if request.HasField("entity"):
            presenters = [presenter for presenter in presenters if presenter.entity.name == request.entity]
            if not presenters:
                raise invalid_field("entity", f"there is no kind {request.entity} here")
        if request.HasField("cause"):
            return await listings_of(self._reader, request.cause, presenters, org)
        if request.HasField("id"):
            return [Listing(each, ByIds(self._reader, each.entity, [request.id], org)) for each in presenters]
        if request.HasField("partition"):
            return [
                listing for presenter in presenters for listing in self._partition(presenter, request.partition, org)
            ]
        return [self._whole(presenter, org) for presenter in presenters if org is None or presenter.entity.org_scoped]

    def _whole(self, presenter: Presenter, org: str | None) -> Listing:
        """All records of an entity, or those of an org."""
        query = self._queries[presenter.entity.name].by_fields({}, org or "")
        assert query is not None, f"no index lists all {presenter.entity.name} records"
        return Listing(presenter, ByIndex(self._reader, presenter.entity, org, query))

    def _partition(self, presenter: Presenter, pk: str, org: str | None) -> list[Listing]:
        """The records of a partition; none if the text is no PK of this entity, or of another org."""
        listings = []
        for fields in presenter.keys.partitions_of(pk):
            own = str(fields.get("orgcode", "")) if presenter.entity.org_scoped else ""
            if org is not None and own and own != org:
                continue
            scope = own or (org if org is not None and presenter.entity.org_scoped else "")
            query = self._queries[presenter.entity.name].by_fields(fields, scope)
            assert query is not None, f"no index finds {presenter.entity.name} records by {sorted(fields)}"
            listings.append(Listing(presenter, ByIndex(self._reader, presenter.entity, scope or None, query)))
        return listings

    def _in_table(self, table: str) -> list[Presenter]:
        found = [self._presenters[entity.name] for entity in self._entities if table_of(self._service, entity) == table]
        if not found:
            raise NotFound(f"there is no table {table}")
        return found


def _page(asked: pb.Page) -> PageRequest:
    return PageRequest(
        limit=asked.limit if asked.HasField("limit") else None,
        next_token=asked.next_token if asked.HasField("next_token") else None,
    )


def _given(request: pb.ListRecordsRequest, field: str) -> str | None:
    return str(getattr(request, field)) if request.HasField(field) else None  # type: ignore[arg-type]


def graph(service: str, database: Database, clock: Clock, page_key: bytes, entities: Sequence[Entity[Any]]) -> Served:
    """The servicer for these entities of a service."""
    reader = DirectReader(database, clock, page_key)
    servicer = GraphServicer(service, reader, Seal(page_key), entities)
    return source_pb2_grpc.add_GraphSourceServicer_to_server, servicer
