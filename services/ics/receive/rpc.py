"""What other services bring in: goods that come back. The same row as over HTTP."""

from typing import Any

from chassis.rpc.endpoints import RpcEndpoints
from retailstack.ics.v1 import stock_pb2 as pb


class Receiving:
    """The calls of `Inventory` on receipts."""

    endpoints: RpcEndpoints

    async def ReceiveRecord(self, request: pb.ReceiveRecordRequest, context: Any) -> pb.ReceiveAnswer:
        return await self.endpoints.ask("ics_receive_record", request, pb.ReceiveAnswer(), context)
