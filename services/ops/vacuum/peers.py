"""What OPS asks the others for a vacuum: whether there is such an org, what there is, and that it be deleted."""

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
    """The other services, asked in our own name whoever we work for."""

    def __init__(self, channels: Channels) -> None:
        self._channels = channels

    async def has_org(self, orgcode: str) -> bool:
        """Whether the directory knows the org; a Refusal where it can't be asked."""
        stub = DirectoryStub(self._channels.channel("gateway"))
        request = FindOrgRequest(orgcode=orgcode)
        answer = await stub.FindOrg(request, timeout=FIND_SECONDS, metadata=self._channels.own_name())
        return answer.found

    async def count(self, orgcode: str | None, services: Sequence[str] = SERVICES) -> list[ServiceTally]:
        """What each service has, of an org or altogether, all asked at once; one that does not answer is `failed`."""
        return list(await asyncio.gather(*(self._count(service, orgcode) for service in services)))

    async def delete(self, service: str, orgcode: str | None) -> AsyncGenerator[CollectionTally, None]:
        """Have a service delete; how far each of its collections is, again and again. Refusal where that ends early."""
        stub = VacuumStub(self._channels.channel(service))
        async for tally in stub.Delete(_scope(orgcode), metadata=self._channels.own_name()):
            yield collection_from_proto(tally)

    async def _count(self, service: str, orgcode: str | None) -> ServiceTally:
        try:
            stub = VacuumStub(self._channels.channel(service))
            answer = await stub.Count(_scope(orgcode), timeout=COUNT_SECONDS, metadata=self._channels.own_name())
        except Refusal as refusal:
            return summed(service, "failed", [], refusal.message)
        return summed(service, "completed", map(collection_from_proto, answer.collections))


def collection_from_proto(tally: VacuumTally) -> CollectionTally:
    """A collection's tally in our words."""
    return CollectionTally(collection=tally.collection, matched=tally.matched, deleted=tally.deleted)


def _scope(orgcode: str | None) -> VacuumRequest:
    return VacuumRequest(all=True) if orgcode is None else VacuumRequest(orgcode=orgcode)
