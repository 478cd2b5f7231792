"""Storage of zones, and the queue of those whose positions get a new purpose."""

from collections.abc import Mapping

from chassis.entity import HUB, Entity, Value, edge, index, unique
from chassis.page import Page, Paged
from chassis.unit import View
from chassis.work.queue import NoPayload, WorkQueue
from services.ics.filters import split
from services.ics.ledger.places import ItemMark
from services.ics.zone.domain import Zone


class RepurposedTo(Value):
    """How far a zone's positions have its new purpose: up to and with this item; None: none yet."""

    after: ItemMark | None = None


REPURPOSED: WorkQueue[NoPayload] = WorkQueue("ics", "repurpose", progress=RepurposedTo)
"""Zones with more items than the call that gave them a new purpose could change."""

ZONES = Entity(
    "zone",
    Zone,
    collection="zones",
    id="zone_id",
    shard_key=("orgcode",),
    keys=("ORG#{orgcode}", "ZONE#{zone_id}"),
    label="{code} {name}",
    indexes=[
        unique("logical_guid", "code", name="code", refusal="the code is taken in this facility"),
        index("logical_guid", "zone_id"),
    ],
    edges=[edge("in", to="facility", by="logical_guid", service=HUB)],
)

_LEADS = (("logical_guid", "code"), ("logical_guid",), ())


async def list_zones(view: View, wanted: Mapping[str, str | None], page: Paged) -> Page[Zone]:
    """Zones by facility and code. Index: code; an org has few zones, so the other filters check each record."""
    where, rest = split(wanted, _LEADS)
    return await view.page(ZONES, where, page=page, order=("logical_guid", "code"), rest=rest)
