"""Events published about zones."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.zone.domain import Zone


class ZoneChanged(Value):
    """The zone after the change."""

    zone: Zone


EVENTS = [
    EventType(type="ics.zone.created", subject="zone_id", body=ZoneChanged, summary="A zone was opened."),
    EventType(
        type="ics.zone.updated",
        subject="zone_id",
        body=ZoneChanged,
        summary="A zone has another name or purpose.",
    ),
    EventType(
        type="ics.zone.status_changed",
        subject="zone_id",
        body=ZoneChanged,
        summary="A zone takes units in again, or takes none in any more.",
    ),
]
