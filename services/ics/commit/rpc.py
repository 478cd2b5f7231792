"""The gRPC calls on commits: create, release, ship. They run the same handlers as the HTTP endpoints."""

from typing import Any

from chassis.rpc.endpoints import RpcEndpoints
from retailstack.ics.v1 import stock_pb2 as pb


class Commitment:
    """The commit calls of the `Inventory` service."""

    endpoints: RpcEndpoints

    async def CommitCreateDirect(self, request: pb.CommitCreateDirectRequest, context: Any) -> pb.CommitAnswer:
        return await self.endpoints.ask("ics_commit_create_direct", request, pb.CommitAnswer(), context)

    async def CommitRelease(self, request: pb.CommitReleaseRequest, context: Any) -> pb.CommitAnswer:
        return await self.endpoints.ask("ics_commit_release", request, pb.CommitAnswer(), context)

    async def ShipRecord(self, request: pb.ShipRecordRequest, context: Any) -> pb.ShipAnswer:
        return await self.endpoints.ask("ics_ship_record", request, pb.ShipAnswer(), context)
