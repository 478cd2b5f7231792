"""The bin endpoints. The contract's ics.yaml specifies each of them."""

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Literal

from msgspec import Meta

from chassis.endpoint import Answer, Endpoints, Listed, Request, Revised
from chassis.page import PageRequest
from chassis.unit import Change, View
from chassis.values import Code, Guid, Id, Name, Qty
from services.ics.bin.domain import Bin, changed, check_open, set_status
from services.ics.bin.store import BINS, check_code_free, list_bins
from services.ics.ledger.places import count_bin
from services.ics.ledger.store import units_in_bin
from services.ics.status import StatusRequest, update_problems, with_status
from services.ics.words import OPERATOR, READ, Openness, load_here
from services.ics.zone.store import ZONES

endpoints = Endpoints("ics", "/bin")


class BinEnvelope(Answer):
    bin: Bin


class BinCreateRequest(Request):
    zone_id: Id
    code: Code
    name: Name | None = None
    capacity: Qty | None = None


@endpoints.post(
    "/create",
    roles=OPERATOR,
    needs=["logical_guid"],
    idempotent=True,
    emits=["ics.bin.created"],
    refusals={
        "conflict": "the code is taken in this zone",
        "conflict_state": "the zone is inactive",
        "not_found": "no such zone in the facility",
    },
)
async def ics_bin_create(change: Change, body: BinCreateRequest) -> BinEnvelope:
    """Create a bin in a zone of the facility."""
    zone = await load_here(change, ZONES, body.zone_id)
    await check_code_free(change, zone.zone_id, body.code)
    check_open(zone)
    place = Bin(
        bin_id=change.new_id(),
        zone_id=zone.zone_id,
        logical_guid=zone.logical_guid,
        code=body.code,
        name=body.name,
        capacity=body.capacity,
    )
    place = await change.insert(BINS, place)
    change.emit("ics.bin.created", place.bin_id, bin=place)
    return BinEnvelope(bin=place)


class BinGetRequest(Request):
    bin_id: Id


@endpoints.post("/get", roles=READ)
async def ics_bin_get(view: View, body: BinGetRequest) -> BinEnvelope:
    """Show a bin."""
    return BinEnvelope(bin=await view.load(BINS, body.bin_id))


class BinListRequest(Request, PageRequest):
    logical_guid: Guid | None = None
    zone_id: Id | None = None
    code: Code | None = None
    status: Openness | None = None


class BinListEnvelope(Listed[Bin]):
    """One page of bins."""


@endpoints.post("/list", roles=READ)
async def ics_bin_list(view: View, body: BinListRequest) -> BinListEnvelope:
    """List bins by zone and code."""
    wanted = {
        "logical_guid": body.logical_guid,
        "zone_id": body.zone_id,
        "code": body.code,
        "status": body.status,
    }
    page = await list_bins(view, wanted, body)
    return BinListEnvelope.of(page)


class BinStatusSetRequest(StatusRequest[Openness]):
    bin_id: Id


@endpoints.post(
    "/status/set",
    roles=OPERATOR,
    emits=["ics.bin.status_changed"],
    refusals={"conflict_state": "already so, or the bin still holds units in any bucket"},
)
async def ics_bin_status_set(change: Change, body: BinStatusSetRequest) -> BinEnvelope:
    """Activate a bin, or deactivate it when it is empty."""
    decide = partial(set_status, units_held=await units_in_bin(change, body.bin_id))
    place = await with_status(change, BINS, body.bin_id, body, decide)
    change.emit("ics.bin.status_changed", place.bin_id, bin=place)
    return BinEnvelope(bin=place)


class BinUpdateRequest(Revised):
    bin_id: Id
    name: Name | None = None
    capacity: Qty | None = None
    clear: Annotated[list[Literal["name", "capacity"]], Meta(min_length=1, max_length=2)] | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        return update_problems({"name": self.name, "capacity": self.capacity}, self.clear)


@endpoints.post("/update", roles=OPERATOR, emits=["ics.bin.updated"])
async def ics_bin_update(change: Change, body: BinUpdateRequest) -> BinEnvelope:
    """Change a bin's name and capacity. If it holds more than that, nothing is put in until it holds less."""
    before = await change.load(BINS, body.bin_id, body.expected_revision)
    place = changed(before, body.name, body.capacity, body.clear or ())
    if before.capacity is None and place.capacity is not None:
        await count_bin(change, body.bin_id)
    place = await change.update(BINS, place)
    change.emit("ics.bin.updated", place.bin_id, bin=place)
    return BinEnvelope(bin=place)
