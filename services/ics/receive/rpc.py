"""The gRPC calls on receipts, used by other services for returned goods. They behave as the HTTP calls."""

from typing import Any

from chassis.rpc.endpoints import RpcEndpoints
from retailstack.ics.v1 import stock_pb2 as pb


class Receiving:
    """The receipt calls of the `Inventory` service."""

    endpoints: RpcEndpoints

    async def ReceiveRecord(self, request: pb.ReceiveRecordRequest, context: Any) -> pb.ReceiveAnswer:
        return await self.endpoints.ask("ics_receive_record", request, pb.ReceiveAnswer(), context)
