"""Storage of allocations. All promises share one collection, so one query finds every holder of an item."""

from chassis.entity import Entity, edge
from services.ics.allocation.domain import Allocation
from services.ics.ledger.holder import HolderKind, parts_of, register
from services.ics.ledger.store import promise_fields
from services.ics.reservation.expiring import changed_in_passing, expired

ALLOCATIONS = Entity(
    "allocation",
    Allocation,
    collection="promises",
    id="allocation_id",
    keys=("ORG#{orgcode}", "ALLOCATION#{allocation_id}"),
    edges=[
        edge("from", to="reservation", by="reservation_id"),
        edge("of", to="variant", by="variant_id", service="pmc"),
        edge("in", to="facility", by="logical_guid", service="gateway"),
        edge("for", to="channel", by="channel_code", service="slc"),
    ],
    derived=promise_fields("allocation"),
    kind="allocation",
    label="order_ref",
)

register(
    HolderKind(
        type="allocation",
        entity=ALLOCATIONS,
        parts=lambda record, _: parts_of(record.positions),
        keep=changed_in_passing,
        expire=expired,
        expired_event=("ics.allocation.expired", "allocation"),
    )
)
