"""Events published about consignments. They include money; the broker's permissions limit who may consume them."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.consignment.domain import Consignment, Settlement


class ConsignmentReceived(Value):
    """The new consignment."""

    consignment: Consignment


class ConsignmentConsumed(Value):
    """The consignment after the change, and how many units were consumed."""

    consignment: Consignment
    quantity: int


class ConsignmentSettled(Value):
    """The consignment after the change, and the settlement."""

    consignment: Consignment
    settlement: Settlement


EVENTS = [
    EventType(
        type="ics.consignment.received",
        subject="consignment_id",
        body=ConsignmentReceived,
        summary="Goods owned by a consignor were received.",
    ),
    EventType(
        type="ics.consignment.consumed",
        subject="consignment_id",
        body=ConsignmentConsumed,
        summary="Units of a consignment were consumed and must be paid.",
    ),
    EventType(
        type="ics.consignment.settled",
        subject="consignment_id",
        body=ConsignmentSettled,
        summary="Consumed units of a consignment were paid, or unsold ones returned.",
    ),
]
