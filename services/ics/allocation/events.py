"""Events published about allocations."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.allocation.domain import Allocation


class AllocationChanged(Value):
    """The allocation after the change."""

    allocation: Allocation


class AllocationReleased(Value):
    """The allocation after the change, and how many units became available again."""

    allocation: Allocation
    quantity: int


EVENTS = [
    EventType(
        type="ics.allocation.created",
        subject="allocation_id",
        body=AllocationChanged,
        summary="Units were allocated to an order line.",
    ),
    EventType(
        type="ics.allocation.expired",
        subject="allocation_id",
        body=AllocationChanged,
        summary="An allocation expired; its remaining units are available again.",
    ),
    EventType(
        type="ics.allocation.released",
        subject="allocation_id",
        body=AllocationReleased,
        summary="Units of an allocation are available again.",
    ),
]
