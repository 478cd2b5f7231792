"""`Vacuum`: deletes a service's data in batches, from every collection, the technical ones included.

Records of structs marked `kept = True` stay, and so do collections with the technical state of running processes, such
as the leases under which a vacuum itself may run. Vacuum targets are data outside of collections.
"""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from chassis.entity import Entity
from chassis.errors import Invalid
from chassis.mongo.client import Database
from chassis.mongo.erasure import ErasureTarget, count, erase, erasure_targets
from chassis.mongo.eventlog import EVENTS
from chassis.mongo.flush import MARKS
from chassis.mongo.leases import LEASES
from chassis.rpc.context import require_stack
from chassis.rpc.declaration import Served
from chassis.vacuum import VacuumTarget
from retailstack.chassis.v1 import vacuum_pb2, vacuum_pb2_grpc

MACHINERY = frozenset({LEASES.collection, MARKS.collection})


class VacuumServicer(vacuum_pb2_grpc.VacuumServicer):
    """Deletes the records of one org, or all, from one service."""

    callers = ("ops",)

    def __init__(
        self,
        database: Database,
        entities: Sequence[Entity[Any]],
        vacuum_targets: Sequence[VacuumTarget] = (),
        machinery: frozenset[str] = frozenset(),
    ) -> None:
        self._database = database
        self._entities = [*entities, EVENTS]
        self._vacuum_targets = vacuum_targets
        kept = {entity.collection for entity in self._entities if getattr(entity.struct, "kept", False)}
        self._kept = kept | MACHINERY | machinery

    async def Count(self, request: vacuum_pb2.VacuumRequest, context: Any) -> vacuum_pb2.VacuumTallies:
        org = _scope(request)
        tallies = vacuum_pb2.VacuumTallies()
        for target in self._vacuum_targets:
            if matched := await target.count(org):
                tallies.collections.add(collection=target.name, matched=matched, done=True)
        for collection in await self._heaps(org):
            if matched := await count(self._database, collection, org):
                tallies.collections.add(collection=collection.collection, matched=matched, done=True)
        return tallies

    async def Delete(
        self, request: vacuum_pb2.VacuumRequest, context: Any
    ) -> AsyncGenerator[vacuum_pb2.VacuumTally, None]:
        org = _scope(request)
        for target in (target for target in self._vacuum_targets if not target.last):
            async for tally in _tallied(target.name, target.erase(org)):
                yield tally
        for collection in await self._heaps(org):
            async for tally in _tallied(collection.collection, erase(self._database, collection, org)):
                yield tally
        for target in (target for target in self._vacuum_targets if target.last):
            async for tally in _tallied(target.name, target.erase(org)):
                yield tally

    async def _heaps(self, org: str | None) -> list[ErasureTarget]:
        return await erasure_targets(self._database, self._entities, self._kept, org)


def _scope(request: vacuum_pb2.VacuumRequest) -> str | None:
    """The org to erase, None for everything."""
    require_stack()
    if request.all == bool(request.orgcode):
        raise Invalid("either an orgcode or all, and not both")
    return request.orgcode or None


async def _tallied(name: str, steps: Any) -> AsyncGenerator[vacuum_pb2.VacuumTally, None]:
    """The running tally after each batch, and the final one if anything was deleted."""
    tally = vacuum_pb2.VacuumTally(collection=name)
    async for gone in steps:
        if not gone:
            continue
        tally.matched += gone
        tally.deleted += gone
        yield tally
    if tally.matched:
        tally.done = True
        yield tally


def vacuum(
    database: Database,
    entities: Sequence[Entity[Any]],
    vacuum_targets: Sequence[VacuumTarget] = (),
    machinery: frozenset[str] = frozenset(),
) -> Served:
    """The servicer for a database. It skips the collections named in `machinery`, beside those that are always kept."""
    servicer = VacuumServicer(database, entities, vacuum_targets, machinery)
    return vacuum_pb2_grpc.add_VacuumServicer_to_server, servicer
