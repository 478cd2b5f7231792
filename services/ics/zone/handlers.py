"""The zone endpoints, specified in the contract's ics.yaml."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

from msgspec import Meta

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Listed, Request, Revised
from chassis.page import PageRequest
from chassis.unit import Change, View
from chassis.values import Code, Guid, Id, Name
from chassis.work.store import enqueue
from services.ics.ledger.places import repurpose
from services.ics.ledger.store import units_in_zone
from services.ics.status import StatusRequest, update_problems, with_status
from services.ics.words import OPERATOR, READ, Openness
from services.ics.zone.domain import Purpose, Zone, changed, set_status
from services.ics.zone.store import REPURPOSED, ZONES, list_zones

endpoints = Endpoints("ics", "/zone")


class ZoneEnvelope(Answer):
    zone: Zone


class ZoneCreateRequest(Request):
    code: Code
    name: Name | None = None
    purpose: Purpose = "storage"


@endpoints.post(
    "/create",
    roles=OPERATOR,
    needs=["logical_guid"],
    idempotent=True,
    emits=["ics.zone.created"],
    refusals={"conflict": "the code is taken in this facility"},
)
async def ics_zone_create(call: Call, change: Change, body: ZoneCreateRequest) -> ZoneEnvelope:
    """Create a zone in the facility."""
    zone = Zone(
        zone_id=change.new_id(),
        logical_guid=call.logical_guid,
        code=body.code,
        name=body.name,
        purpose=body.purpose,
    )
    zone = await change.insert(ZONES, zone)
    change.emit("ics.zone.created", zone.zone_id, zone=zone)
    return ZoneEnvelope(zone=zone)


class ZoneGetRequest(Request):
    zone_id: Id


@endpoints.post("/get", roles=READ)
async def ics_zone_get(view: View, body: ZoneGetRequest) -> ZoneEnvelope:
    """Show a zone."""
    return ZoneEnvelope(zone=await view.load(ZONES, body.zone_id))


class ZoneListRequest(Request, PageRequest):
    logical_guid: Guid | None = None
    code: Code | None = None
    purpose: Purpose | None = None
    status: Openness | None = None


class ZoneListEnvelope(Listed[Zone]):
    """One page of them."""


@endpoints.post("/list", roles=READ)
async def ics_zone_list(view: View, body: ZoneListRequest) -> ZoneListEnvelope:
    """List zones by facility and code."""
    wanted = {
        "logical_guid": body.logical_guid,
        "code": body.code,
        "purpose": body.purpose,
        "status": body.status,
    }
    page = await list_zones(view, wanted, body)
    return ZoneListEnvelope.of(page)


class ZoneStatusSetRequest(StatusRequest[Openness]):
    zone_id: Id


@endpoints.post(
    "/status/set",
    roles=OPERATOR,
    emits=["ics.zone.status_changed"],
    refusals={"conflict_state": "already so, or the zone or one of its bins still holds units in any bucket"},
)
async def ics_zone_status_set(change: Change, body: ZoneStatusSetRequest) -> ZoneEnvelope:
    """Open a zone to stock, or close it once it is empty."""
    decide = partial(set_status, units_held=await units_in_zone(change, body.zone_id))
    zone = await with_status(change, ZONES, body.zone_id, body, decide)
    change.emit("ics.zone.status_changed", zone.zone_id, zone=zone)
    return ZoneEnvelope(zone=zone)


class ZoneUpdateRequest(Revised):
    zone_id: Id
    name: Name | None = None
    purpose: Purpose | None = None
    clear: Annotated[list[Literal["name"]], Meta(min_length=1, max_length=1)] | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        return update_problems({"name": self.name, "purpose": self.purpose}, self.clear)


@endpoints.post("/update", roles=OPERATOR, emits=["ics.zone.updated"])
async def ics_zone_update(change: Change, body: ZoneUpdateRequest) -> ZoneEnvelope:
    """Change a zone's name and purpose. A new purpose changes the draw order; what is promised stays where it is."""
    before = await change.load(ZONES, body.zone_id, body.expected_revision)
    zone = await change.update(ZONES, changed(before, body.name, body.purpose, body.clear or ()))
    if zone.purpose != before.purpose and await repurpose(change, zone.zone_id, zone.purpose) is not None:
        await enqueue(change, REPURPOSED, zone.zone_id)
    change.emit("ics.zone.updated", zone.zone_id, zone=zone)
    return ZoneEnvelope(zone=zone)
