"""Calls of OPS to other services for a vacuum: whether the org exists, counting and deleting its records."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from chassis.errors import Refusal
from chassis.rpc.client import Channels
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest, VacuumTally
from retailstack.chassis.v1.vacuum_pb2_grpc import VacuumStub
from retailstack.identity.v1.directory_pb2 import FindOrgRequest
from retailstack.identity.v1.directory_pb2_grpc import DirectoryStub
from services.ops.vacuum.domain import SERVICES, CollectionTally, ServiceTally, summed

COUNT_SECONDS = 45.0
FIND_SECONDS = 5.0


class Peers:
    """The other services, called as OPS itself."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    async def has_org(self, orgcode: str) -> bool:
        """Whether the directory knows the org. Raises a refusal if it does not answer."""
        stub = DirectoryStub(self._channels.channel("gateway"))
        request = FindOrgRequest(orgcode=orgcode)
        answer = await stub.FindOrg(request, timeout=FIND_SECONDS, metadata=self._channels.own_name("gateway"))
        return answer.found

    async def count(self, orgcode: str | None, services: Sequence[str] = SERVICES) -> list[ServiceTally]:
        """The record counts of each service, of an org or in total; a service that does not answer is `failed`."""
        return list(await asyncio.gather(*(self._count(service, orgcode) for service in services)))

    async def delete(self, service: str, orgcode: str | None) -> AsyncGenerator[CollectionTally, None]:
        """Let a service delete; yields the progress of its collections. Raises a refusal if it ends early."""
        stub = VacuumStub(self._channels.channel(service))
        async for tally in stub.Delete(_scope(orgcode), metadata=self._channels.own_name(service)):
            yield collection_from_proto(tally)

    async def _count(self, service: str, orgcode: str | None) -> ServiceTally:
        try:
            stub = VacuumStub(self._channels.channel(service))
            answer = await stub.Count(_scope(orgcode), timeout=COUNT_SECONDS, metadata=self._channels.own_name(service))
        except Refusal as refusal:
            return summed(service, "failed", [], refusal.message)
        return summed(service, "completed", map(collection_from_proto, answer.collections))


def collection_from_proto(tally: VacuumTally) -> CollectionTally:
    """The tally of a collection from its message."""
    return CollectionTally(collection=tally.collection, matched=tally.matched, deleted=tally.deleted)


def _scope(orgcode: str | None) -> VacuumRequest:
    return VacuumRequest(all=True) if orgcode is None else VacuumRequest(orgcode=orgcode)
