"""What others hear of demand signals."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.demand.domain import DemandSignal


class DemandSignalComputed(Value):
    """The signal as it is since."""

    signal: DemandSignal


EVENTS = [
    EventType(
        type="ics.demand_signal.computed",
        subject="signal_id",
        body=DemandSignalComputed,
        summary="How fast a variant goes was computed anew.",
    )
]
