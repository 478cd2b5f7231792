"""`Vacuum`: deletes what a service keeps, in batches, from every collection there is, the technical ones included.

What a struct marks as `kept = True` stays, and so does the machinery: leases, under which this very work may be done,
and what else running processes note about themselves. Brooms sweep what is no collection.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

from chassis.errors import Invalid
from chassis.mongo.emptying import Heap, count, empty, heaps
from chassis.mongo.eventlog import EVENTS
from chassis.mongo.flush import MARKS
from chassis.mongo.leases import LEASES
from chassis.rpc.context import require_stack
from chassis.rpc.server import RpcContext
from chassis.vacuum import Broom
from retailstack.chassis.v1 import vacuum_pb2, vacuum_pb2_grpc

MACHINERY = frozenset({LEASES.collection, MARKS.collection})


class VacuumServicer(vacuum_pb2_grpc.VacuumServicer):
    """Empties one service, of an org's records or altogether."""

    def __init__(self, context: RpcContext, brooms: Sequence[Broom], machinery: frozenset[str]) -> None:
        self._database = context.database
        self._entities = [*context.parts.entities, EVENTS]
        self._brooms = brooms
        kept = {entity.collection for entity in self._entities if getattr(entity.struct, "kept", False)}
        self._kept = kept | MACHINERY | machinery

    async def Count(self, request: vacuum_pb2.VacuumRequest, context: Any) -> vacuum_pb2.VacuumTallies:
        org = _scope(request)
        tallies = vacuum_pb2.VacuumTallies()
        for broom in self._brooms:
            if matched := await broom.count(org):
                tallies.collections.add(collection=broom.name, matched=matched, done=True)
        for heap in await self._heaps(org):
            if matched := await count(self._database, heap, org):
                tallies.collections.add(collection=heap.collection, matched=matched, done=True)
        return tallies

    async def Delete(
        self, request: vacuum_pb2.VacuumRequest, context: Any
    ) -> AsyncGenerator[vacuum_pb2.VacuumTally, None]:
        org = _scope(request)
        for broom in (broom for broom in self._brooms if not broom.last):
            async for tally in _tallied(broom.name, broom.sweep(org)):
                yield tally
        for heap in await self._heaps(org):
            async for tally in _tallied(heap.collection, empty(self._database, heap, org)):
                yield tally
        for broom in (broom for broom in self._brooms if broom.last):
            async for tally in _tallied(broom.name, broom.sweep(org)):
                yield tally

    async def _heaps(self, org: str | None) -> list[Heap]:
        return await heaps(self._database, self._entities, self._kept, org)


def _scope(request: vacuum_pb2.VacuumRequest) -> str | None:
    """The org that is meant, None for everything."""
    require_stack()
    if request.all == bool(request.orgcode):
        raise Invalid("either an orgcode or all, and not both")
    return request.orgcode or None


async def _tallied(name: str, steps: Any) -> AsyncGenerator[vacuum_pb2.VacuumTally, None]:
    """What has gone so far, after each step; once more at the end, where there was anything."""
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


def vacuum_servicer(
    brooms: Sequence[Broom] = (), machinery: frozenset[str] = frozenset()
) -> Callable[[RpcContext], tuple[Any, VacuumServicer]]:
    """The factory of a process's servicer: with these brooms beside those its features declare, and without touching
    these collections beside those that are kept anyway."""

    def factory(context: RpcContext) -> tuple[Any, VacuumServicer]:
        declared = [make(context) for make in context.parts.brooms]
        servicer = VacuumServicer(context, [*brooms, *declared], machinery)
        return vacuum_pb2_grpc.add_VacuumServicer_to_server, servicer

    return factory


vacuum = vacuum_servicer()
"""The servicer of a process that has nothing but its declarations."""
