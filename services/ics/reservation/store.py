"""Storage of reservations: in the collection of all promises, so that an item's holders are read together."""

from chassis.entity import Entity
from services.ics.keyed import KeyedFilters, keys_index
from services.ics.ledger.holder import HolderKind, parts_of, register
from services.ics.ledger.promise_declaration import promise_edges, promise_fields, promise_finders
from services.ics.ledger.store import OF_ANY_ORG
from services.ics.reservation.domain import Reservation
from services.ics.reservation.expiring import changed_in_passing, expired

FILTERS = KeyedFilters(
    {
        "o": ("demand_ref",),
        "fv": ("logical_guid", "variant_id"),
        "v": ("variant_id",),
        "fs": ("logical_guid", "status"),
        "f": ("logical_guid",),
        "s": ("status",),
        "ch": ("channel_code",),
        "": (),
    },
    prefix="r",
)

RESERVATIONS = Entity(
    "reservation",
    Reservation,
    collection="promises",
    id="reservation_id",
    shard_key=("orgcode", "logical_guid", "variant_id"),
    keys=("ORG#{orgcode}", "RESERVATION#{reservation_id}"),
    indexes=[keys_index("reservation_id"), OF_ANY_ORG],
    lookups={1: ("ORG#{orgcode}#ORDER#{demand_ref}", "RESERVATION#{reservation_id}")},
    edges=promise_edges(),
    finders=promise_finders("r", demand_ref="o"),
    derived=promise_fields("reservation", FILTERS),
    kind="reservation",
    label="{demand_ref} {quantity} {variant_id} @ {logical_guid}",
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
