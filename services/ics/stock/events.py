"""Events published about adjustments and transitions."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.stock.domain import Adjustment, AdjustmentImport, StockTransition


class AdjustmentCreated(Value):
    """The adjustment and its entries."""

    adjustment: Adjustment


class AdjustmentImported(Value):
    """The import; its entries are found by its operation."""

    adjustment_import: AdjustmentImport


class StockTransitioned(Value):
    """The transition and its entries."""

    transition: StockTransition


EVENTS = [
    EventType(
        type="ics.adjustment.created",
        subject="adjustment_id",
        body=AdjustmentCreated,
        summary="A bucket was put right by hand.",
    ),
    EventType(
        type="ics.adjustment.imported",
        subject="import_id",
        body=AdjustmentImported,
        summary="Many buckets were put right at once.",
    ),
    EventType(
        type="ics.stock.transitioned",
        subject="transition_id",
        body=StockTransitioned,
        summary="Units no one holds changed their bucket.",
    ),
]
