"""Storage of reservations: in the collection of all promises, so that an item's holders are read together."""

from chassis.entity import Entity, edge
from services.ics.ledger.holder import HolderKind, parts_of, register
from services.ics.ledger.store import promise_fields
from services.ics.reservation.domain import Reservation
from services.ics.reservation.expiring import changed_in_passing, expired

RESERVATIONS = Entity(
    "reservation",
    Reservation,
    collection="promises",
    id="reservation_id",
    keys=("ORG#{orgcode}", "RESERVATION#{reservation_id}"),
    edges=[
        edge("of", to="variant", by="variant_id", service="pmc"),
        edge("in", to="facility", by="logical_guid", service="gateway"),
        edge("for", to="channel", by="channel_code", service="slc"),
    ],
    derived=promise_fields("reservation"),
    kind="reservation",
)

register(
    HolderKind(
        type="reservation",
        entity=RESERVATIONS,
        parts=lambda record, _: parts_of(record.positions),
        keep=changed_in_passing,
        expire=expired,
        expired_event=("ics.reservation.expired", "reservation"),
    )
)
