"""Events published about demand signals."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.demand.domain import DemandSignal


class DemandSignalComputed(Value):
    """The signal after the change."""

    signal: DemandSignal


EVENTS = [
    EventType(
        type="ics.demand_signal.computed",
        subject="signal_id",
        body=DemandSignalComputed,
        summary="A demand signal was computed.",
    )
]
