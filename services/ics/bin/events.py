"""Events published about bins."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.bin.domain import Bin


class BinChanged(Value):
    """The bin after the change."""

    bin: Bin


EVENTS = [
    EventType(type="ics.bin.created", subject="bin_id", body=BinChanged, summary="A bin was created in a zone."),
    EventType(
        type="ics.bin.updated",
        subject="bin_id",
        body=BinChanged,
        summary="A bin has another name or capacity.",
    ),
    EventType(
        type="ics.bin.status_changed",
        subject="bin_id",
        body=BinChanged,
        summary="A bin was activated or deactivated.",
    ),
]
