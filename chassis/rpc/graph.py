"""`GraphSource`, derived from the declared entities: the service's records, their keys, neighbours and history.

Only for services of the stack and operators, since it reads across orgs. Every call is one page, read by an index.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from chassis.caller import Call
from chassis.entity import Entity
from chassis.errors import Invalid, NotFound, invalid_field
from chassis.mongo.client import Database
from chassis.mongo.eventlog import EVENTS
from chassis.page import Page, PageRequest, items_of
from chassis.rpc.context import require_stack
from chassis.rpc.declaration import Served
from chassis.rpc.history import items_to_proto
from chassis.rpc.keys import EntityKeys
from chassis.rpc.shape import edge_to_proto, entity_to_proto, table_of, tables_to_proto
from chassis.sealed import MASK, to_shown
from chassis.unit import Units, UnservedQuery, View, one_of
from retailstack.graph.v1 import source_pb2 as pb
from retailstack.graph.v1 import source_pb2_grpc

COUNT_MAX = 257
"""Counts stop here; the contract shows them as "256+"."""

VALUES_MAX = 256

T = TypeVar("T")
Found = tuple[list[tuple[Entity[Any], Any]], str | None]
"""Records with their entities, and the token of the next page."""


class GraphServicer(source_pb2_grpc.GraphSourceServicer):
    """Serves the records of one service."""

    def __init__(self, service: str, units: Units, database: Database, entities: Sequence[Entity[Any]]) -> None:
        self._service = service
        self._units = units
        self._database = database
        self._entities = [entity for entity in entities if not entity.technical and entity.keys[0]]
        self._keys = {entity.name: EntityKeys(entity) for entity in self._entities}

    async def Schema(self, request: pb.SchemaRequest, context: Any) -> pb.SchemaResponse:
        require_stack()
        counts = {}
        for name in {entity.collection for entity in self._entities}:
            counts[name] = int((await self._database.command({"count": name}))["n"])
        return pb.SchemaResponse(
            service=self._service,
            tables=tables_to_proto(self._service, self._entities, counts),
            entities=[entity_to_proto(self._service, entity) for entity in self._entities],
            edges=[edge_to_proto(self._service, entity, edge) for entity in self._entities for edge in entity.edges],
        )

    async def ListRecords(self, request: pb.ListRecordsRequest, context: Any) -> pb.RecordPage:
        entities = self._in_table(request.table)
        if request.HasField("entity"):
            entities = [entity for entity in entities if entity.name == request.entity]
        page = _page(request.page)
        if request.HasField("partition"):
            return self._to_proto(await self._partition(entities, request.partition, page))
        return self._to_proto(await self._table(entities, page))

    async def GetRecord(self, request: pb.GetRecordRequest, context: Any) -> pb.Record:
        entity, record = await self._resolve(request.table, request.pk, request.sk)
        return self._record_to_proto(entity, record)

    async def ListNeighbours(self, request: pb.ListNeighboursRequest, context: Any) -> pb.RecordPage:
        values = list(request.values)
        if not 1 <= len(values) <= VALUES_MAX:
            raise invalid_field("values", f"must be 1 to {VALUES_MAX}")
        entity = next((entity for entity in self._entities if entity.name == request.entity), None)
        if entity is None or request.field in {"", entity.id}:
            found = await self._by_id([entity] if entity else self._entities, values, request.orgcode)
            return self._to_proto((found, None), len(found))
        where = {request.field: one_of(values)}
        return await self._by_field(entity, where, request.orgcode, _page(request.page))

    async def History(self, request: pb.HistoryRequest, context: Any) -> pb.HistoryPage:
        entity, record_id, orgcode = await self._identify(request.table, request.pk, request.sk)
        page = _page(request.page)

        async def look(view: View) -> pb.HistoryPage:
            where = {"orgcode": orgcode, "subject": record_id}
            events = await view.page(EVENTS, where, page=page)
            older = None
            if events.next_token is not None:
                following = await view.page(EVENTS, where, page=PageRequest(limit=1, next_token=events.next_token))
                older = following.items[0] if following.items else None
            items = items_to_proto(entity, record_id, events.items, older)
            return pb.HistoryPage(items=items, next_token=events.next_token)

        return await self._look(orgcode, look)

    async def _table(self, entities: list[Entity[Any]], page: PageRequest) -> Found:
        """A page of a table: its kinds one after the other. The token names the kind to continue with."""
        place, token = _place(page.next_token, len(entities))
        entity = entities[place]

        async def look(view: View) -> Page[Any]:
            return await view.every_org().page(entity, {}, page=PageRequest(limit=page.limit, next_token=token))

        found = await self._look("", look)
        if found.next_token is not None:
            following: str | None = f"{place}.{found.next_token}"
        else:
            following = f"{place + 1}." if place + 1 < len(entities) else None
        return [(entity, record) for record in found.items], following

    async def _partition(self, entities: list[Entity[Any]], pk: str, page: PageRequest) -> Found:
        place, token = _place(page.next_token, len(entities))
        for number, entity in enumerate(entities[place:], place):
            for fields in self._keys[entity.name].partitions_of(pk):
                orgcode = str(fields.pop("orgcode", ""))
                if entity.org_scoped and not orgcode:
                    continue
                inner = PageRequest(limit=page.limit, next_token=token)
                found = await self._look(orgcode, _finder(entity, fields, inner))
                if not found.items and number + 1 < len(entities):
                    break
                following = f"{number}.{found.next_token}" if found.next_token else None
                if following is None and number + 1 < len(entities):
                    following = f"{number + 1}."
                return [(entity, record) for record in found.items], following
            token = None
        return [], None

    async def _by_id(self, entities: list[Entity[Any]], ids: list[str], orgcode: str) -> list[tuple[Entity[Any], Any]]:
        """Records with these ids, of the given org or of none."""

        async def look(view: View) -> list[tuple[Entity[Any], Any]]:
            found = []
            for entity in entities:
                if entity.org_scoped and not orgcode:
                    continue
                records = await view.get_many(entity, ids)
                found += [(entity, record) for record in records.values()]
            return found

        return await self._look(orgcode, look)

    async def _by_field(
        self, entity: Entity[Any], where: Mapping[str, Any], orgcode: str, page: PageRequest
    ) -> pb.RecordPage:
        if entity.org_scoped and not orgcode:
            raise invalid_field("orgcode", "is required")
        finder = _finder(entity, where, page)

        async def look(view: View) -> tuple[Page[Any], int | None]:
            found = await finder(view)
            count = len(await view.find(entity, where, limit=COUNT_MAX)) if page.next_token is None else None
            return found, count

        found, count = await self._look(orgcode, look)
        return self._to_proto(([(entity, record) for record in found.items], found.next_token), count)

    async def _resolve(self, table: str, pk: str, sk: str) -> tuple[Entity[Any], Any]:
        """The record that a PK and SK name. Raises `NotFound`."""
        for entity in self._in_table(table):
            fields = self._keys[entity.name].fields_of(pk, sk)
            if fields is None:
                continue
            orgcode = str(fields.get("orgcode", ""))
            record = await self._look(orgcode, _by_keys(entity, fields))
            if record is not None and self._keys[entity.name].of(record).get("SK") == sk:
                return entity, record
        raise NotFound(f"there is no such record in {table}")

    async def _identify(self, table: str, pk: str, sk: str) -> tuple[Entity[Any], str, str]:
        """Entity, id and org of the record that a PK and SK name; also of a deleted one if they contain its id."""
        for entity in self._in_table(table):
            fields = self._keys[entity.name].fields_of(pk, sk)
            if fields is not None and entity.id in fields and (not entity.org_scoped or "orgcode" in fields):
                return entity, str(fields[entity.id]), str(fields["orgcode"]) if entity.org_scoped else ""
        entity, record = await self._resolve(table, pk, sk)
        return entity, entity.id_of(record), record.orgcode if entity.org_scoped else ""

    async def _look(self, orgcode: str, handler: Callable[[View], Awaitable[T]]) -> T:
        call = require_stack()
        return await self._units.view(_within(call, orgcode), handler)

    def _in_table(self, table: str) -> list[Entity[Any]]:
        found = [entity for entity in self._entities if table_of(self._service, entity) == table]
        if not found:
            raise NotFound(f"there is no table {table}")
        return found

    def _to_proto(self, found: Found, count: int | None = None) -> pb.RecordPage:
        records, token = found
        items = [self._record_to_proto(entity, record) for entity, record in records]
        return pb.RecordPage(items=items, next_token=token, count=count)

    def _record_to_proto(self, entity: Entity[Any], record: Any) -> pb.Record:
        properties = msgspec.to_builtins(record, enc_hook=to_shown)
        properties.update((field, MASK) for field in entity.sealed if properties.get(field) is not None)
        text = msgspec.json.encode(properties)
        return pb.Record(
            table=table_of(self._service, entity),
            entity=entity.name,
            id=entity.id_of(record),
            keys=self._keys[entity.name].of(record),
            properties=text.decode(),
            label=str(properties.get(entity.label) or entity.id_of(record)),
            revision=properties.get("revision"),
            size_bytes=len(text),
        )


def _finder(entity: Entity[Any], where: Mapping[str, Any], page: PageRequest) -> Callable[[View], Awaitable[Page[Any]]]:
    """A page of what an index finds: newest first, or, if the index cannot, in its own order and at most 256."""

    async def look(view: View) -> Page[Any]:
        try:
            return await view.page(entity, where, page=page)
        except UnservedQuery:
            pass
        try:
            found = await view.find(entity, where, limit=COUNT_MAX - 1)
        except UnservedQuery:
            raise Invalid(f"no index finds {entity.name} records by {', '.join(where)}") from None
        start, items = _offset(page.next_token), items_of(page)
        following = str(start + items) if start + items < len(found) else None
        return Page(items=found[start : start + items], count=items, next_token=following)

    return look


def _offset(token: str | None) -> int:
    if token is not None and not (token.isascii() and token.isdecimal() and len(token) < 4):
        raise invalid_field("next_token", "was not made for this query")
    return int(token or 0)


def _by_keys(entity: Entity[Any], fields: Mapping[str, Any]) -> Callable[[View], Awaitable[Any]]:
    """The record with these key fields, found by its id, a unique index, or any index with all of them."""

    async def look(view: View) -> Any:
        if entity.id in fields:
            return await view.get(entity, str(fields[entity.id]))
        own = {name: value for name, value in fields.items() if name != "orgcode"}
        for index in entity.indexes:
            if index.unique and not index.where and set(index.fields) == own.keys():
                return await view.lookup(entity, index.name, *(own[name] for name in index.fields))
        try:
            found = await view.find(entity, own, limit=1)
        except UnservedQuery:
            return None
        return found[0] if found else None

    return look


def _page(asked: pb.Page) -> PageRequest:
    return PageRequest(
        limit=asked.limit if asked.HasField("limit") else None,
        next_token=asked.next_token if asked.HasField("next_token") else None,
    )


def _place(token: str | None, places: int) -> tuple[int, str | None]:
    """The position among the kinds at which a token continues, and the rest of the token."""
    if token is None:
        return 0, None
    number, dot, rest = token.partition(".")
    if not dot or not number.isdecimal() or int(number) >= places:
        raise invalid_field("next_token", "was not made for this query")
    return int(number), rest or None


def _within(call: Call, orgcode: str) -> Call:
    return replace(call, caller=replace(call.caller, orgcode=orgcode))


def graph(service: str, units: Units, database: Database, entities: Sequence[Entity[Any]]) -> Served:
    """The servicer for these entities of a service."""
    return source_pb2_grpc.add_GraphSourceServicer_to_server, GraphServicer(service, units, database, entities)
