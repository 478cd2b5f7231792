"""Events published about single units and lots."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.ledger.entry import StockCardEntry
from services.ics.serial.domain import SerialUnit


class SerialChanged(Value):
    """The unit or lot after the change."""

    serial: SerialUnit


class SerialsAssigned(Value):
    """The entries that name the units."""

    operation_id: str
    entries: list[StockCardEntry]


EVENTS = [
    EventType(
        type="ics.serial.assigned",
        subject="operation_id",
        body=SerialsAssigned,
        summary="Units in stock got their serial numbers.",
    ),
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
