"""Storage of commits. All promises share one collection, so one query finds every holder of an item."""

from chassis.entity import Entity, edge
from services.ics.commit.domain import Commit, changed_in_passing
from services.ics.keyed import KeyedFilters, keys_index
from services.ics.ledger.holder import HolderKind, parts_of, register
from services.ics.ledger.promise_declaration import promise_edges, promise_fields, promise_finders
from services.ics.ledger.store import OF_ANY_ORG

FILTERS = KeyedFilters(
    {
        "l": ("allocation_id",),
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
    prefix="c",
)

COMMITS = Entity(
    "commit",
    Commit,
    collection="promises",
    id="commit_id",
    shard_key=("orgcode", "logical_guid", "variant_id"),
    keys=("ORG#{orgcode}", "COMMIT#{commit_id}"),
    indexes=[keys_index("commit_id"), OF_ANY_ORG],
    lookups={1: ("ORG#{orgcode}#ORDER#{order_ref}", "COMMIT#{commit_id}")},
    edges=[
        edge("from", to="reservation", by="reservation_id"),
        edge("from_allocation", to="allocation", by="allocation_id"),
        *promise_edges(),
    ],
    finders=promise_finders("c", order_ref="o", reservation_id="r", allocation_id="l"),
    derived=promise_fields("commit", FILTERS),
    kind="commit",
    label="{order_ref} {quantity} {variant_id} @ {logical_guid}",
)

register(
    HolderKind(
        type="commit",
        entity=COMMITS,
        parts=lambda record, _: parts_of(record.positions),
        keep=changed_in_passing,
    )
)
