"""Storage of commits. All promises share one collection, so one query finds every holder of an item."""

from chassis.entity import Entity, edge
from services.ics.commit.domain import Commit, changed_in_passing
from services.ics.ledger.holder import HolderKind, parts_of, register
from services.ics.ledger.store import promise_fields

COMMITS = Entity(
    "commit",
    Commit,
    collection="promises",
    id="commit_id",
    keys=("ORG#{orgcode}", "COMMIT#{commit_id}"),
    edges=[
        edge("from", to="reservation", by="reservation_id"),
        edge("from_allocation", to="allocation", by="allocation_id"),
        edge("of", to="variant", by="variant_id", service="pmc"),
        edge("in", to="facility", by="logical_guid", service="gateway"),
        edge("for", to="channel", by="channel_code", service="slc"),
    ],
    derived=promise_fields("commit"),
    kind="commit",
    label="order_ref",
)

register(
    HolderKind(
        type="commit",
        entity=COMMITS,
        parts=lambda record, _: parts_of(record.positions),
        keep=changed_in_passing,
    )
)
