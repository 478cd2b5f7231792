"""Events published about single units and lots."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.serial.domain import SerialUnit


class SerialChanged(Value):
    """The unit or lot after the change."""

    serial: SerialUnit


EVENTS = [
    EventType(
        type="ics.serial.registered",
        subject="serial_id",
        body=SerialChanged,
        summary="A unit or lot became known, by itself or on the way in.",
    ),
    EventType(
        type="ics.serial.updated",
        subject="serial_id",
        body=SerialChanged,
        summary="What is known of a unit or lot changed; where it is did not.",
    ),
]
