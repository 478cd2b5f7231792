"""The vacuum of every service, for every entity it declares: nothing here knows any of them.

Records of two orgs are made of what the declarations say, one org is vacuumed by the service's own servicer, and of the
other every byte must be left.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from bson import encode
from msgspec.structs import fields

from chassis.clock import SystemClock
from chassis.entity import Entity
from chassis.generic_servicers import CHASSIS_ENTITIES, MACHINERY
from chassis.mongo.client import Database
from chassis.mongo.eventlog import EVENTS
from chassis.mongo.flush import MARKS
from chassis.mongo.leases import LEASES
from chassis.mongo.unit import MongoUnits
from chassis.rpc.client import Channels
from chassis.rpc.vacuum import vacuum
from chassis.service import Service, collect
from gateway.app import GATEWAY
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest
from retailstack.chassis.v1.vacuum_pb2_grpc import VacuumStub
from tests.chassis.rpc.given import a_server, sign
from tests.contract.anything import Maker
from tests.contract.services import SERVICES

EVERYBODY = [*SERVICES.values(), GATEWAY]
MINE, OTHERS = "MINE0001", "OTHR0001"
RECORDS_EACH = 5
MACHINES = MACHINERY | {LEASES.collection, MARKS.collection}


def entities_of(service: Service) -> list[Entity[Any]]:
    return list(dict.fromkeys([*collect(service).entities, *CHASSIS_ENTITIES, EVENTS, MARKS]))


def names_orgs(entity: Entity[Any]) -> bool:
    """Whether its records say whose they are, and an org may be that."""
    names = {field.name for field in fields(entity.struct)}
    return "orgcode" in names and (entity.org_scoped or not entity.versioned or entity.id == "orgcode")


class Place:
    """A service's database with records of two orgs in it, and its vacuum behind a real port."""

    def __init__(self, service: Service, database: Database, stub: Any) -> None:
        self.entities = entities_of(service)
        self.vacuum = stub
        self._database = database

    async def fill(self) -> None:
        """Records of every kind, of both orgs; of those that belong to none, just records."""
        made = Maker(1)
        for entity in self.entities:
            orgs = [MINE, OTHERS] if names_orgs(entity) else [None]
            documents = []
            for org in orgs:
                for _ in range(1 if entity.id == "orgcode" else RECORDS_EACH):
                    given: dict[str, Any] = {}
                    if "orgcode" in entity.struct.__struct_fields__:
                        given["orgcode"] = org or ""
                    documents.append(entity.to_document(made.record(entity.struct, **given)))
            await self._database.collection(entity.collection).insert_many(documents)

    async def documents(self) -> dict[tuple[str, str], bytes]:
        """All there is, byte by byte."""
        return {
            (name, document["_id"]): encode(document)
            for name in {entity.collection for entity in self.entities}
            for document in await self._database.collection(name).find({})
        }

    async def indexes(self) -> dict[str, int]:
        """How many indexes each collection has."""
        names = {entity.collection for entity in self.entities}
        return {name: len(await self._database.collection(name).indexes()) for name in names}

    async def delete(self, request: VacuumRequest) -> dict[str, int]:
        """What the vacuum says it deleted, by collection."""
        found: dict[str, int] = {}
        async for tally in self.vacuum.Delete(request):
            assert tally.matched == tally.deleted
            found[tally.collection] = tally.deleted
        return found

    async def count(self, request: VacuumRequest) -> dict[str, int]:
        """What a dry run says, by collection."""
        answer = await self.vacuum.Count(request)
        return {tally.collection: tally.matched for tally in answer.collections}


@asynccontextmanager
async def a_place(service: Service, uri: str, database_name: str) -> AsyncIterator[Place]:
    database = await Database.connect(uri, database_name)
    units = MongoUnits(database, entities_of(service), SystemClock(), service.name)
    await units.start()
    server = a_server(vacuum(database, collect(service).entities, (), MACHINERY))
    await server.start()
    channels = Channels({"ics": [f"127.0.0.1:{server.port}"]}, sign=sign)
    try:
        place = Place(service, database, VacuumStub(channels.channel("ics")))
        await place.fill()
        yield place
    finally:
        await channels.close()
        await server.stop(0)
        await units.stop()
        await database.close()


def is_mine(document: bytes) -> bool:
    return MINE.encode() in document


@pytest.mark.parametrize("service", EVERYBODY, ids=lambda service: service.name)
async def test_of_one_org_nothing_is_left_and_of_another_every_byte(
    service: Service, mongodb_uri: str, database_name: str
) -> None:
    async with a_place(service, mongodb_uri, database_name) as place:
        before = await place.documents()
        mine = {key for key, document in before.items() if is_mine(document)}
        kinds = {entity.collection for entity in place.entities if names_orgs(entity)}
        assert {collection for collection, _ in mine} == kinds, "every kind of record was made"
        counted = await place.count(VacuumRequest(orgcode=MINE))
        assert sum(counted.values()) == len(mine)
        assert await place.documents() == before, "counting changes nothing"

        assert await place.delete(VacuumRequest(orgcode=MINE)) == counted

        assert await place.documents() == {key: before[key] for key in before.keys() - mine}
        assert await place.count(VacuumRequest(orgcode=MINE)) == {}
        assert await place.delete(VacuumRequest(orgcode=MINE)) == {}


@pytest.mark.parametrize("service", EVERYBODY, ids=lambda service: service.name)
async def test_of_everything_only_what_is_kept_is_left(service: Service, mongodb_uri: str, database_name: str) -> None:
    async with a_place(service, mongodb_uri, database_name) as place:
        before, indexes = await place.documents(), await place.indexes()
        kept = MACHINES | {e.collection for e in place.entities if getattr(e.struct, "kept", False)}

        deleted = await place.delete(VacuumRequest(all=True))

        left = {key: document for key, document in before.items() if key[0] in kept}
        assert await place.documents() == left
        assert sum(deleted.values()) == len(before) - len(left)
        assert await place.count(VacuumRequest(all=True)) == {}
        assert await place.indexes() == indexes


@pytest.mark.parametrize("service", EVERYBODY, ids=lambda service: service.name)
async def test_every_collection_that_names_an_org_is_found_by_it(
    service: Service, mongodb_uri: str, database_name: str
) -> None:
    """By an index: a walk through other orgs' records is not what an org's vacuum should cost."""
    async with a_place(service, mongodb_uri, database_name) as place:
        for entity in place.entities:
            if not names_orgs(entity) or entity.id == "orgcode":
                continue
            found = await place._database.collection(entity.collection).indexes()
            whole = [list(each["key"]) for each in found if "partialFilterExpression" not in each]
            assert any(key[0] == "orgcode" for key in whole), f"{service.name}: {entity.name}"
