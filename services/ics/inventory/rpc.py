"""`retailstack.ics.v1.Inventory`: the features' own calls, put together as one servicer."""

from typing import Any

from chassis.rpc.server import RpcContext
from retailstack.ics.v1 import stock_pb2_grpc
from services.ics.atp.rpc import Availability
from services.ics.commit.rpc import Commitment
from services.ics.receive.rpc import Receiving
from services.ics.rpc_endpoints import RpcEndpoints


class InventoryServicer(Availability, Commitment, Receiving, stock_pb2_grpc.InventoryServicer):
    """Answers services of the stack, on behalf of the callers they act for."""

    def __init__(self, face: RpcEndpoints) -> None:
        self.face = face


def inventory(context: RpcContext) -> tuple[Any, InventoryServicer]:
    """The servicer of this process."""
    return stock_pb2_grpc.add_InventoryServicer_to_server, InventoryServicer(RpcEndpoints(context))


servicers = [inventory]
