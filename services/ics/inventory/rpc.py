"""The gRPC service `retailstack.ics.v1.Inventory`. It combines the calls that the features implement."""

from chassis.rpc.declaration import Servicer
from chassis.rpc.endpoints import RpcEndpoints
from retailstack.ics.v1 import stock_pb2_grpc
from services.ics.atp.rpc import Availability
from services.ics.commit.rpc import Commitment
from services.ics.receive.rpc import Receiving


class InventoryServicer(Availability, Commitment, Receiving, stock_pb2_grpc.InventoryServicer):
    """Answers the other services; they call it on behalf of their own callers."""

    callers = ("slc",)

    def __init__(self, endpoints: RpcEndpoints) -> None:
        self.endpoints = endpoints


servicers = [Servicer(stock_pb2_grpc.add_InventoryServicer_to_server, InventoryServicer)]
