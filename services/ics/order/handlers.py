"""The endpoint that shows an order. The contract's ics.yaml specifies it."""

from msgspec.structs import asdict

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Request
from chassis.unit import Units
from chassis.values import Text
from services.ics.order.domain import OrderParts
from services.ics.order.store import order_in
from services.ics.words import READ

endpoints = Endpoints("ics", "/order")


class OrderViewEnvelope(Answer, OrderParts):
    """The order."""


class OrderViewRequest(Request):
    order_ref: Text


@endpoints.post("/view", roles=READ)
async def ics_order_view(call: Call, units: Units, body: OrderViewRequest) -> OrderViewEnvelope:
    """Show what an order has: its promises, parcels and entries at one moment, added up by variant."""
    # A reader of its own: an order may have thousands of promises, and no other call waits while they are added up.
    async with units.snapshot_reader(call) as reader:
        order = await order_in(reader, body.order_ref)
    return OrderViewEnvelope(**asdict(order))
