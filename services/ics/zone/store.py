"""Storage of zones."""

from collections.abc import Mapping

from chassis.entity import HUB, Entity, edge, unique
from chassis.page import Page, Paged
from chassis.unit import View
from services.ics.filters import split
from services.ics.zone.domain import Zone

ZONES = Entity(
    "zone",
    Zone,
    collection="zones",
    id="zone_id",
    keys=("ORG#{orgcode}", "ZONE#{zone_id}"),
    label="{code} {name}",
    indexes=[unique("logical_guid", "code", name="code", refusal="the code is taken in this facility")],
    edges=[edge("in", to="facility", by="logical_guid", service=HUB)],
)

_LEADS = (("logical_guid", "code"), ("logical_guid",), ())


async def list_zones(view: View, wanted: Mapping[str, str | None], page: Paged) -> Page[Zone]:
    """Zones by facility and code. Index: code; an org has few zones, so the other filters check each record."""
    where, rest = split(wanted, _LEADS)
    return await view.page(ZONES, where, page=page, order=("logical_guid", "code"), rest=rest)
