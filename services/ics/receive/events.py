"""Events published about goods coming in."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.receive.domain import Receive
from services.ics.receive.fields import QcResultInput


class ReceiveRecorded(Value):
    """The receipt as it begins."""

    receive: Receive


class ReceiveInspected(Value):
    """The receipt after the change, and what inspection found."""

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
