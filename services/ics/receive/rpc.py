"""What other services bring in: goods that come back. The same row as over HTTP."""

from typing import Any

from retailstack.ics.v1 import stock_pb2 as pb
from services.ics.rpc_endpoints import RpcEndpoints


class Receiving:
    """The calls of `Inventory` on receipts."""

    face: RpcEndpoints

    async def ReceiveRecord(self, request: pb.ReceiveRecordRequest, context: Any) -> pb.ReceiveAnswer:
        return await self.face.ask("ics_receive_record", request, pb.ReceiveAnswer(), context)
