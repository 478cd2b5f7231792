"""Events published about the ledger itself."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.ledger.balance import Buckets


class StockChanged(Value):
    """The totals of one variant in one facility, as of the entry numbered `seq`."""

    logical_guid: str
    variant_id: str
    buckets: Buckets
    on_hand: int
    seq: int
    operation_id: str


EVENTS = [
    EventType(
        type="ics.stock.changed",
        subject="logical_guid/variant_id",
        body=StockChanged,
        summary="A bucket total of a variant in a facility changed.",
    )
]
