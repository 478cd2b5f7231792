"""Events published about receipts."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.receive.domain import Receive
from services.ics.receive.fields import QcResultInput


class ReceiveRecorded(Value):
    """The new receipt."""

    receive: Receive


class ReceiveInspected(Value):
    """The receipt after the change, and the inspection results."""

    receive: Receive
    results: list[QcResultInput]


EVENTS = [
    EventType(type="ics.receive.recorded", subject="receive_id", body=ReceiveRecorded, summary="Goods came in."),
    EventType(
        type="ics.receive.inspected",
        subject="receive_id",
        body=ReceiveInspected,
        summary="Goods under inspection were accepted, rejected or found damaged.",
    ),
]
