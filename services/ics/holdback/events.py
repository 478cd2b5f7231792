"""Events published about holdbacks."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.holdback.domain import Holdback


class HoldbackSaved(Value):
    """The holdback after the change."""

    holdback: Holdback


EVENTS = [
    EventType(
        type="ics.holdback.saved",
        subject="holdback_id",
        body=HoldbackSaved,
        summary="The units withheld from a channel or from all channels were set.",
    )
]
