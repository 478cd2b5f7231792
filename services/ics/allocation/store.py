"""Storage of allocations. All promises share one collection, so one query finds every holder of an item."""

from chassis.entity import Entity, edge
from services.ics.allocation.domain import Allocation
from services.ics.keyed import KeyedFilters, keys_index
from services.ics.ledger.holder import HolderKind, parts_of, register
from services.ics.ledger.promise_declaration import promise_edges, promise_fields, promise_finders
from services.ics.ledger.store import OF_ANY_ORG
from services.ics.reservation.expiring import changed_in_passing, expired

FILTERS = KeyedFilters(
    {
        "r": ("reservation_id",),
        "o": ("order_ref",),
        "fv": ("logical_guid", "variant_id"),
        "v": ("variant_id",),
        "fs": ("logical_guid", "status"),
        "f": ("logical_guid",),
        "s": ("status",),
        "ch": ("channel_code",),
        "": (),
    },
    prefix="l",
)

ALLOCATIONS = Entity(
    "allocation",
    Allocation,
    collection="promises",
    id="allocation_id",
    shard_key=("orgcode", "logical_guid", "variant_id"),
    keys=("ORG#{orgcode}", "ALLOCATION#{allocation_id}"),
    indexes=[keys_index("allocation_id"), OF_ANY_ORG],
    lookups={1: ("ORG#{orgcode}#ORDER#{order_ref}", "ALLOCATION#{allocation_id}")},
    edges=[
        edge("from", to="reservation", by="reservation_id"),
        *promise_edges(),
    ],
    finders=promise_finders("l", order_ref="o", reservation_id="r"),
    derived=promise_fields("allocation", FILTERS),
    kind="allocation",
    label="{order_ref} {quantity} {variant_id} @ {logical_guid}",
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
