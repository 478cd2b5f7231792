"""Events published about goods put away."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.ledger.entry import StockCardEntry


class PutawayRecorded(Value):
    """The entries that moved the units."""

    operation_id: str
    entries: list[StockCardEntry]


EVENTS = [
    EventType(
        type="ics.putaway.recorded", subject="operation_id", body=PutawayRecorded, summary="Goods changed their place."
    )
]
