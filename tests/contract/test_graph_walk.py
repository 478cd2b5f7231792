"""The graph of every service over real gRPC, for every kind and edge that is declared: nothing here knows any of them.

Records are made of what the declarations say, and the ends of each edge are made to meet. A kind or an edge that cannot
be reached fails.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest
from pymongo import MongoClient

from chassis.clock import SystemClock
from chassis.entity import HUB, Edge, Entity
from chassis.ids import new_id
from chassis.mongo.client import Database
from chassis.mongo.eventlog import EVENTS
from chassis.mongo.indexes import ensure
from chassis.pattern import pattern
from chassis.rpc.client import Channels
from chassis.rpc.graph.servicer import graph
from chassis.service import Service, collect
from gateway.app import GATEWAY
from retailstack.graph.v1 import source_pb2 as pb
from retailstack.graph.v1.source_pb2_grpc import GraphSourceStub
from tests.chassis.rpc.given import a_server, sign
from tests.contract.anything import Maker
from tests.contract.services import SERVICES
from tests.shapes import scanned

EVERYBODY = [*SERVICES.values(), GATEWAY]
MINE, OTHERS = "MINE0001", "OTHR0001"
RECORDS_EACH = 3


def entities_of(service: str) -> list[Entity[Any]]:
    found = next(each for each in EVERYBODY if each.name == service)
    return [entity for entity in collect(found).entities if not entity.technical]


class Walker:
    """A service's database with records in it, and its graph behind a real port."""

    def __init__(self, service: Service, database: Database, stub: Any) -> None:
        self.service = service
        self.graph = stub
        self.database = database
        self._made = Maker(7)

    def record(self, entity: Entity[Any], org: str, **given: Any) -> Any:
        """A record of the org, or of none."""
        if entity.org_scoped or entity.id == "orgcode":
            given.setdefault("orgcode", org)
        elif "orgcode" in entity.struct.__struct_fields__:
            given.setdefault("orgcode", "")
        if not entity.id_pattern and entity.id != "orgcode":
            given.setdefault(entity.id, new_id(SystemClock().now()))
        record = self._made.record(entity.struct, **given)
        if entity.id_pattern and entity.id not in given:
            record = msgspec.structs.replace(record, **{entity.id: pattern(entity.id_pattern).render(record)})
        return record

    async def store(self, entity: Entity[Any], *records: Any) -> None:
        """Store these records in the place of any that have their ids."""
        collection = self.database.collection(entity.collection)
        await collection.remove_many(list(map(entity.id_of, records)))
        await collection.insert_many([entity.to_document(each) for each in records])

    async def ids(self, **asked: Any) -> list[str]:
        """The ids of all pages of ListRecords, two records a page."""
        found, token = [], None
        while True:
            page = pb.Page(limit=2, next_token=token)
            answer = await self.graph.ListRecords(pb.ListRecordsRequest(page=page, **asked))
            found += [record.id for record in answer.items]
            if not answer.HasField("next_token"):
                return found
            token = answer.next_token

    async def neighbours(self, org: str, kind: str, field: str, *values: str) -> list[str]:
        """The ids that a hop leads to; counted as well."""
        hop = pb.Hop(entities=[kind], field=field, values=values)
        asked = pb.ListNeighboursRequest(orgcode=org, hops=[hop], counts=True, limit=256)
        (result,) = (await self.graph.ListNeighbours(asked)).results
        assert result.count == len(result.items)
        return [record.id for record in result.items]


@asynccontextmanager
async def walking(service: Service, uri: str, name: str) -> AsyncIterator[Walker]:
    database = await Database.connect(uri, f"{name}-{service.name}")
    await ensure(database, [*collect(service).entities, EVENTS])
    clock = SystemClock()
    server = a_server(graph(service.name, database, clock, b"k" * 32, collect(service).entities), clock=clock)
    await server.start()
    channels = Channels({"ics": [f"127.0.0.1:{server.port}"]}, sign=sign, clock=clock)
    try:
        yield Walker(service, database, GraphSourceStub(channels.channel("ics")))
    finally:
        await channels.close()
        await server.stop(0)
        await database.drop()
        await database.close()


@pytest.mark.parametrize("service", EVERYBODY, ids=lambda service: service.name)
async def test_every_record_is_reached_by_table_partition_keys_and_id(
    service: Service, mongodb_uri: str, mongodb_client: MongoClient[dict[str, Any]], database_name: str
) -> None:
    async with walking(service, mongodb_uri, database_name) as walker:
        for entity in entities_of(service.name):
            table = f"{service.name}_{entity.collection}"
            several = 1 if entity.id == "orgcode" else RECORDS_EACH
            made = {org: [walker.record(entity, org) for _ in range(several)] for org in (MINE, OTHERS)}
            everything = [record for mine in made.values() for record in mine]
            await walker.store(entity, *everything)
            expected = sorted(map(entity.id_of, everything))
            assert sorted(await walker.ids(table=table, entity=entity.name)) == expected, entity.name
            if entity.org_scoped:
                mine = sorted(map(entity.id_of, made[MINE]))
                assert sorted(await walker.ids(table=table, entity=entity.name, orgcode=MINE)) == mine, entity.name
            for record in everything:
                await reach(walker, table, entity, record)
        assert not scanned(mongodb_client[f"{database_name}-{service.name}"])


async def reach(walker: Walker, table: str, entity: Entity[Any], record: Any) -> None:
    """The record by its id, by its keys, and in each of its partitions."""
    record_id = entity.id_of(record)
    found = await walker.graph.ListRecords(pb.ListRecordsRequest(table=table, entity=entity.name, id=record_id))
    (shown,) = found.items
    again = await walker.graph.GetRecord(pb.GetRecordRequest(table=table, pk=shown.keys["PK"], sk=shown.keys["SK"]))
    assert (again.entity, again.id, again.properties) == (entity.name, record_id, shown.properties)
    assert shown.label
    for name in shown.keys:
        if name.endswith("PK"):
            assert record_id in await walker.ids(table=table, partition=shown.keys[name]), (entity.name, name)
    history = pb.HistoryRequest(table=table, pk=shown.keys["PK"], sk=shown.keys["SK"])
    await walker.graph.History(history)


async def test_every_edge_is_followed_there_and_back(
    mongodb_uri: str, mongodb_client: MongoClient[dict[str, Any]], database_name: str
) -> None:
    """All edges of all services: from a made record to a made target, and back by the edge's own index."""
    async with AsyncExitStack() as stack:
        entered = [
            await stack.enter_async_context(walking(service, mongodb_uri, database_name)) for service in EVERYBODY
        ]
        walkers = {walker.service.name: walker for walker in entered}
        for service in EVERYBODY:
            for entity in entities_of(service.name):
                for edge in entity.edges:
                    await follow(walkers, service, entity, edge)
            assert not scanned(mongodb_client[f"{database_name}-{service.name}"])


async def follow(walkers: dict[str, Walker], service: Service, entity: Entity[Any], edge: Edge) -> None:
    """Hop along the edge from a record to each kind of target, and back to the record."""
    here, org = walkers[service.name], MINE if entity.org_scoped else ""
    back, record = MINE, here.record(entity, MINE)
    for target in targets_of(service.name, edge):
        there = walkers[edge.service or service.name]
        made = there.record(target, MINE)
        made_value = getattr(made, edge.at or target.id)
        fields = pattern(edge.by).fields
        record = here.record(entity, MINE)
        if not edge.at and len(fields) == 1 and fields[0] != entity.id:
            record = with_value(entity, record, fields[0].split("."), made_value)
        else:
            made_value = pattern(edge.by).render(record)
            made = there.record(target, MINE, **{edge.at or target.id: made_value})
        await here.store(entity, record)
        await there.store(target, made)
        reached = await there.neighbours(org, target.name, edge.at, made_value)
        assert target.id_of(made) in reached, (target.name, edge.name)
        back = MINE if target.org_scoped else ""
        reached = await here.neighbours(back, entity.name, edge.back, made_value)
        assert entity.id_of(record) in reached, (entity.name, edge.name)
    if edge.service == HUB:
        await here.store(entity, record)
        for value in pattern(edge.by).values(record):
            assert entity.id_of(record) in await here.neighbours(MINE, entity.name, edge.back, value), edge.name


def with_value(entity: Entity[Any], record: Any, path: list[str], value: str) -> Any:
    """The record with the value at the end of a path; in a list, in its first item."""
    document = entity.to_document(record)
    *heads, last = path
    inner: Any = document
    for name in heads:
        inner = inner[name][0] if isinstance(inner[name], list | tuple) else inner[name]
    inner[last] = [value] if isinstance(inner[last], list) else value
    return entity.from_document(document)


def targets_of(service: str, edge: Edge) -> list[Entity[Any]]:
    """The kinds that an edge leads to; none if it leads to a hub."""
    if edge.service == HUB:
        return []
    names = edge.among or (edge.to,)
    return [entity for entity in entities_of(edge.service or service) if entity.name in names]
