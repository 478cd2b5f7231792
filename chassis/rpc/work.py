"""The servicer behind `work list`, `work dead` and `work retry`."""

from collections.abc import Sequence
from typing import Any, Protocol

from chassis.rpc.context import require_stack
from chassis.rpc.declaration import Served
from retailstack.chassis.v1 import work_pb2 as pb
from retailstack.chassis.v1 import work_pb2_grpc as pb_grpc


class WorkOperations(Protocol):
    """Operations on a service's work, implemented by `chassis.work.admin.WorkAdmin`."""

    async def depths(self) -> Sequence[Any]: ...

    async def dead(self, queue: str = "", limit: int = 0) -> Sequence[Any]: ...

    async def retry(self, queue: str, *, orgcode: str = "", key: str = "", limit: int = 0) -> int: ...


class WorkServicer(pb_grpc.WorkServicer):
    """Serves operators."""

    def __init__(self, admin: WorkOperations) -> None:
        self._admin = admin

    async def Depths(self, request: pb.WorkDepthsRequest, context: Any) -> pb.WorkDepthsResponse:
        """Every lane of every work queue."""
        require_stack()
        return pb.WorkDepthsResponse(depths=[_depth_to_proto(depth) for depth in await self._admin.depths()])

    async def Dead(self, request: pb.DeadWorkRequest, context: Any) -> pb.DeadWorkResponse:
        """The oldest dead letters."""
        require_stack()
        dead = await self._admin.dead(request.queue, max(0, request.limit))
        return pb.DeadWorkResponse(dead=[_dead_to_proto(each) for each in dead])

    async def Retry(self, request: pb.RetryWorkRequest, context: Any) -> pb.RetryWorkResponse:
        """Return dead letters to their line."""
        require_stack()
        retried = await self._admin.retry(
            request.queue, orgcode=request.orgcode, key=request.key, limit=max(0, request.limit)
        )
        return pb.RetryWorkResponse(retried=retried)


def work(admin: WorkOperations) -> Served:
    """The servicer for this process's work."""
    return pb_grpc.add_WorkServicer_to_server, WorkServicer(admin)


def _depth_to_proto(depth: Any) -> pb.WorkDepth:
    return pb.WorkDepth(queue=depth.queue, lane=depth.lane, oldest_seconds=depth.oldest_seconds, **depth.counts)


def _dead_to_proto(dead: Any) -> pb.DeadWork:
    return pb.DeadWork(**{field.name: getattr(dead, field.name) for field in pb.DeadWork.DESCRIPTOR.fields})
