"""Storage of bins, and the lookup of the place that a request names by zone and bin."""

from collections.abc import Iterable, Mapping
from typing import Protocol

from chassis.entity import HUB, Entity, edge, index, unique
from chassis.errors import Conflict, invalid_field
from chassis.page import Page, Paged
from chassis.unit import View
from services.ics.bin.domain import NOWHERE, Bin, Place
from services.ics.filters import split
from services.ics.zone.store import ZONES

BINS = Entity(
    "bin",
    Bin,
    collection="bins",
    id="bin_id",
    shard_key=("orgcode", "zone_id"),
    keys=("ORG#{orgcode}", "BIN#{bin_id}"),
    label="code",
    indexes=[
        unique("zone_id", "code", name="code", refusal="the code is taken in this zone"),
        index("logical_guid", "zone_id", "code"),
        index("logical_guid", "status", "zone_id", "code"),
        index("status", "zone_id", "code"),
        index("code", "zone_id"),
        index("zone_id", "bin_id"),
        index("logical_guid", "bin_id"),
    ],
    edges=[edge("in", to="zone", by="zone_id"), edge("of", to="facility", by="logical_guid", service=HUB)],
)


async def place_of(view: View, logical_guid: str, zone_id: str | None, bin_id: str | None, path: str = "") -> Place:
    """The place that a request names in a facility. `path` is the prefix of the field names in errors (`lines.2.`).

    A bin alone implies its zone. Raises `Invalid` (400), naming the field, if the zone or bin does not exist in the
    facility or the bin is in another zone.
    """
    if zone_id is None and bin_id is None:
        return NOWHERE
    place = await view.get(BINS, bin_id) if bin_id is not None else None
    if bin_id is not None and (place is None or place.logical_guid != logical_guid):
        raise invalid_field(f"{path}bin_id", "no such bin in the facility")
    implied = zone_id or (place.zone_id if place else None)
    zone = await view.get(ZONES, implied) if implied is not None else None
    if zone is None or zone.logical_guid != logical_guid:
        raise invalid_field(f"{path}zone_id", "no such zone in the facility")
    if place is not None and place.zone_id != zone.zone_id:
        raise invalid_field(f"{path}bin_id", "the bin is in another zone")
    return Place(zone=zone, bin=place)


async def places_of(view: View, logical_guid: str, named: list[tuple[str | None, str | None, str]]) -> list[Place]:
    """`place_of` for many (zone_id, bin_id, path), with one read for all bins and one for all zones."""
    bins = {bin_id for _, bin_id, _ in named if bin_id is not None}
    zones = {zone_id for zone_id, _, _ in named if zone_id is not None}
    view.prefetch(ZONES, sorted(zones))
    found = await view.get_many(BINS, sorted(bins))
    await view.get_many(ZONES, sorted(zones | {place.zone_id for place in found.values()}))
    return [await place_of(view, logical_guid, zone_id, bin_id, path) for zone_id, bin_id, path in named]


class Placed(Protocol):
    """A request line with a place."""

    @property
    def zone_id(self) -> str | None: ...
    @property
    def bin_id(self) -> str | None: ...


async def places_of_lines(view: View, logical_guid: str, lines: Iterable[Placed], path: str = "lines") -> list[Place]:
    """The place of each line of a request, in order; `path` is the name of the field with the lines."""
    named = [(line.zone_id, line.bin_id, f"{path}.{number}.") for number, line in enumerate(lines)]
    return await places_of(view, logical_guid, named)


async def check_code_free(view: View, zone_id: str, code: str) -> None:
    """Raise `Conflict` if a bin of the zone has the code. Index: code."""
    # The unique index refuses it too, but only after the check of the zone's status.
    if await view.lookup(BINS, "code", zone_id, code) is not None:
        raise Conflict(BINS.index_named("code").refusal)


_LEADS = (("zone_id", "code"), ("zone_id",), ("code",), ("logical_guid", "status"), ("logical_guid",), ("status",), ())


async def list_bins(view: View, wanted: Mapping[str, str | None], page: Paged) -> Page[Bin]:
    """A page of bins by zone and code. Index: the first of `_LEADS` that the filters cover."""
    where, rest = split(wanted, _LEADS)
    return await view.page(BINS, where, page=page, order=("zone_id", "code"), rest=rest)
