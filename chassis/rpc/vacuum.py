"""`Vacuum`: deletes what a service keeps, in batches, from every collection there is, the technical ones included.

Not by declared entities: a collection somebody forgot to declare would be a place where an org's records live on.
What a struct marks as `kept = True` stays, and so do the leases, under which this very work may be done.
"""

from collections.abc import AsyncGenerator, Mapping
from typing import Any

from chassis.errors import Invalid
from chassis.mongo.client import Database
from chassis.mongo.collection import Collection
from chassis.mongo.leases import LEASES
from chassis.rpc.context import require_stack
from chassis.rpc.server import RpcContext
from retailstack.chassis.v1 import vacuum_pb2, vacuum_pb2_grpc

BATCH_DOCUMENTS = 1000


class VacuumServicer(vacuum_pb2_grpc.VacuumServicer):
    """Empties one service's database, for an org or altogether."""

    def __init__(self, database: Database, kept: frozenset[str]) -> None:
        self._database = database
        self._kept = kept

    async def Count(self, request: vacuum_pb2.VacuumRequest, context: Any) -> vacuum_pb2.VacuumTallies:
        tallies = vacuum_pb2.VacuumTallies()
        for name, org, indexed in await self._scope(request):
            collection = self._database.collection(name)
            if indexed:
                matched = await collection.count({"orgcode": org})
            else:
                matched = sum([len(batch) async for batch in _walk(collection, org)])
            if matched:
                tallies.collections.add(collection=name, matched=matched, done=True)
        return tallies

    async def Delete(
        self, request: vacuum_pb2.VacuumRequest, context: Any
    ) -> AsyncGenerator[vacuum_pb2.VacuumTally, None]:
        for name, org, indexed in await self._scope(request):
            collection = self._database.collection(name)
            tally = vacuum_pb2.VacuumTally(collection=name)
            async for batch in _drain(collection, org) if indexed else _walk(collection, org):
                await collection.remove_many(batch)
                tally.matched += len(batch)
                tally.deleted += len(batch)
                yield tally
            if tally.matched:
                tally.done = True
                yield tally

    async def _scope(self, request: vacuum_pb2.VacuumRequest) -> list[tuple[str, str, bool]]:
        """Which collections are meant, for which org ("" for all), and whether an index has the org's documents."""
        require_stack()
        org = request.orgcode
        if request.all == bool(org):
            raise Invalid("either an orgcode or all, and not both")
        reply = await self._database.command({"listCollections": 1, "nameOnly": True, "cursor": {"batchSize": 1000}})
        names = sorted(found["name"] for found in reply["cursor"]["firstBatch"] if found.get("type") != "view")
        meant = [name for name in names if name not in self._kept and not name.startswith("system.")]
        return [(name, org, bool(org) and await _is_found_by_org(self._database.collection(name))) for name in meant]


async def _is_found_by_org(collection: Collection) -> bool:
    indexes = await collection.indexes()
    return any(next(iter(index["key"])) == "orgcode" and "partialFilterExpression" not in index for index in indexes)


async def _drain(collection: Collection, org: str) -> AsyncGenerator[list[Any], None]:
    """Ids of an org's documents, by the index that has the org first, until there are none: each batch must be deleted
    before the next is asked for."""
    while True:
        found = await collection.find({"orgcode": org}, projection={"_id": 1}, limit=BATCH_DOCUMENTS)
        if not found:
            return
        yield [document["_id"] for document in found]


async def _walk(collection: Collection, org: str) -> AsyncGenerator[list[Any], None]:
    """Ids of all documents, or of an org's, walking the collection from id to id."""
    after: Mapping[str, Any] = {}
    while True:
        found = await collection.find(after, projection={"orgcode": 1}, sort=[("_id", 1)], limit=BATCH_DOCUMENTS)
        ids = [document["_id"] for document in found if not org or document.get("orgcode") == org]
        if ids:
            yield ids
        if len(found) < BATCH_DOCUMENTS:
            return
        after = {"_id": {"$gt": found[-1]["_id"]}}


def vacuum(context: RpcContext) -> tuple[Any, VacuumServicer]:
    """The servicer of this process."""
    entities = context.parts.entities
    kept = {entity.collection for entity in entities if getattr(entity.struct, "kept", False)}
    servicer = VacuumServicer(context.database, frozenset(kept | {LEASES.collection}))
    return vacuum_pb2_grpc.add_VacuumServicer_to_server, servicer
