"""The holdback endpoints. The contract's ics.yaml specifies each of them."""

from collections.abc import Sequence
from typing import Literal

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Listed, Request, Revised
from chassis.errors import NotFound
from chassis.page import PageRequest
from chassis.unit import Change, View
from chassis.values import Code, Guid, Id, Qty0, Reason, Utc
from services.ics.holdback.domain import Holdback, replaced, seen
from services.ics.holdback.store import HOLDBACKS, list_holdbacks
from services.ics.words import PLANNER, READ

endpoints = Endpoints("ics", "/holdback")


class HoldbackEnvelope(Answer):
    holdback: Holdback


class HoldbackSetRequest(Revised):
    variant_id: Guid
    channel_code: Code | None = None
    quantity: Qty0
    reason: Reason | None = None
    starts_utc: Utc | None = None
    ends_utc: Utc | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        if self.starts_utc is not None and self.ends_utc is not None and self.ends_utc <= self.starts_utc:
            return [("ends_utc", "must be after starts_utc")]
        return ()


@endpoints.post("/set", roles=PLANNER, needs=["logical_guid"], emits=["ics.holdback.saved"])
async def ics_holdback_set(call: Call, change: Change, body: HoldbackSetRequest) -> HoldbackEnvelope:
    """Withhold units from a channel or from all; quantity 0 clears the holdback."""
    known = await change.lookup(HOLDBACKS, "item", call.logical_guid, body.variant_id, body.channel_code or "")
    values = (body.quantity, body.reason, body.starts_utc, body.ends_utc)
    if known is None:
        fresh = Holdback(
            holdback_id=change.new_id(),
            logical_guid=call.logical_guid,
            variant_id=body.variant_id,
            channel_code=body.channel_code,
        )
        holdback = await change.insert(HOLDBACKS, seen(replaced(fresh, *values), change.now))
    else:
        known = await change.load(HOLDBACKS, known.holdback_id, body.expected_revision)
        holdback = await change.update(HOLDBACKS, seen(replaced(known, *values), change.now), body.reason)
    change.emit("ics.holdback.saved", holdback.holdback_id, holdback=holdback)
    return HoldbackEnvelope(holdback=holdback)


class HoldbackGetRequest(Request):
    holdback_id: Id | None = None
    logical_guid: Guid | None = None
    variant_id: Guid | None = None
    channel_code: Code | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        if self.holdback_id is not None and self.variant_id is not None:
            return [("variant_id", "goes without holdback_id")]
        if self.holdback_id is None and self.variant_id is None:
            return [("holdback_id", "is required, or logical_guid and variant_id")]
        if self.holdback_id is None and self.logical_guid is None:
            return [("logical_guid", "is required with variant_id")]
        return ()


@endpoints.post("/get", roles=READ)
async def ics_holdback_get(view: View, body: HoldbackGetRequest) -> HoldbackEnvelope:
    """Show a holdback, by its id or by facility, variant and channel."""
    if body.holdback_id is not None:
        holdback = await view.load(HOLDBACKS, body.holdback_id)
    else:
        key = (body.logical_guid or "", body.variant_id or "", body.channel_code or "")
        found = await view.lookup(HOLDBACKS, "item", *key)
        if found is None:
            raise NotFound("no such holdback")
        holdback = found
    return HoldbackEnvelope(holdback=seen(holdback, view.now))


class HoldbackListRequest(Request, PageRequest):
    logical_guid: Guid | None = None
    variant_id: Guid | None = None
    channel_code: Code | None = None
    status: Literal["scheduled", "active", "ended", "cleared", "all"] = "active"


class HoldbackListEnvelope(Listed[Holdback]):
    """One page of holdbacks."""


@endpoints.post("/list", roles=READ)
async def ics_holdback_list(view: View, body: HoldbackListRequest) -> HoldbackListEnvelope:
    """List holdbacks with their current status, newest first."""
    wanted = {
        "logical_guid": body.logical_guid,
        "variant_id": body.variant_id,
        "channel_key": body.channel_code,
    }
    page = await list_holdbacks(view, wanted, None if body.status == "all" else body.status, body)
    return HoldbackListEnvelope.of(page)
