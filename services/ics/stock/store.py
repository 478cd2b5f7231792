"""Storage of adjustments and transitions."""

from chassis.entity import Entity, edge
from services.ics.stock.domain import Adjustment, StockTransition

ADJUSTMENTS = Entity(
    "adjustment",
    Adjustment,
    collection="adjustments",
    id="adjustment_id",
    keys=("ORG#{orgcode}", "ADJUSTMENT#{adjustment_id}"),
    edges=[
        edge("of", to="variant", by="variant_id", service="pmc"),
        edge("in", to="facility", by="logical_guid", service="gateway"),
    ],
    label="reason_code",
)

TRANSITIONS = Entity(
    "transition",
    StockTransition,
    collection="transitions",
    id="transition_id",
    keys=("ORG#{orgcode}", "TRANSITION#{transition_id}"),
    edges=[
        edge("of", to="variant", by="variant_id", service="pmc"),
        edge("in", to="facility", by="logical_guid", service="gateway"),
    ],
)
