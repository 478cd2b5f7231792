"""Storage of adjustments and transitions."""

from chassis.entity import HUB, Entity, edge, index
from services.ics.stock.domain import Adjustment, AdjustmentImport, StockTransition

_LOOKUPS = ("variant_id", "logical_guid", "operation_id")

ADJUSTMENTS = Entity(
    "adjustment",
    Adjustment,
    collection="adjustments",
    id="adjustment_id",
    shard_key=("orgcode", "adjustment_id"),
    keys=("ORG#{orgcode}", "ADJUSTMENT#{adjustment_id}"),
    indexes=[index("adjustment_id"), *(index(field, "adjustment_id") for field in _LOOKUPS)],
    edges=[
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("posted", to="entry", by="operation_id", cardinality="many"),
    ],
    operation="operation_id",
    label="{reason_code} {delta} {variant_id} @ {logical_guid}",
)

ADJUSTMENT_IMPORTS = Entity(
    "adjustment_import",
    AdjustmentImport,
    collection="adjustment_imports",
    id="import_id",
    shard_key=("orgcode", "import_id"),
    keys=("ORG#{orgcode}", "IMPORT#{import_id}"),
    indexes=[index("import_id"), *(index(field, "import_id") for field in _LOOKUPS[1:])],
    edges=[
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("posted", to="entry", by="operation_id", cardinality="many"),
    ],
    operation="operation_id",
    label="{reason_code} {line_count} lines @ {logical_guid}",
)

TRANSITIONS = Entity(
    "transition",
    StockTransition,
    collection="transitions",
    id="transition_id",
    shard_key=("orgcode", "transition_id"),
    keys=("ORG#{orgcode}", "TRANSITION#{transition_id}"),
    indexes=[index("transition_id"), *(index(field, "transition_id") for field in _LOOKUPS)],
    edges=[
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("posted", to="entry", by="operation_id", cardinality="many"),
    ],
    operation="operation_id",
    label="{quantity} {variant_id} from {from_bucket} to {to_bucket} @ {logical_guid}",
)
