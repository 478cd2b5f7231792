"""Binding facilities to locations of a channel's shop."""

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Revised
from chassis.entity import Value
from chassis.errors import invalid_field
from chassis.unit import Change, Units
from chassis.values import Count, Guid, Id
from services.slc.channel.domain import Channel, StoredChannel
from services.slc.channel.store import CHANNELS, channel_answer
from services.slc.closing.store import refused_while_emptied
from services.slc.credential.access import ShopAccess
from services.slc.facility.domain import bound, chosen_location, unbound
from services.slc.job.store import ManyVariants, note_many
from services.slc.lifecycle.revisions import channel_to_change
from services.slc.words import MANAGE, AskedGid, gid_of

endpoints = Endpoints("slc")


class FacilityEnvelope(Answer):
    channel: Channel
    enqueued: Count


class FacilityBindRequest(Revised):
    channel_id: Id
    logical_guid: Guid
    location_id: AskedGid | None = None
    primary: bool | None = None


class Place(Value):
    """The location to bind to, as the shop knows it, or as the caller says where there are no credentials."""

    location_id: str
    name: str | None


async def look_up(call: Call, body: FacilityBindRequest, units: Units, access: ShopAccess) -> Place:
    """Look the location up in the shop, where there are credentials. Raises `Invalid`, `ShopFailed`."""
    channel, status = await channel_to_change(units, call, body.channel_id, body.expected_revision)
    asked = None if body.location_id is None else gid_of("Location", body.location_id, "location_id")
    if not status.credentials.present:
        if asked is None:
            raise invalid_field("location_id", "is required while there are no credentials")
        return Place(location_id=asked, name=None)
    known = next((each for each in channel.facilities if each.logical_guid == body.logical_guid), None)
    async with access.counted(call, channel) as shop:
        locations = await shop.account.locations()
    found = chosen_location(asked or (known.location_id if known else None), locations)
    return Place(location_id=found.id, name=found.name[:128] or None)


@endpoints.post(
    "/slc",
    action="facility/bind",
    roles=MANAGE,
    emits=["slc.facility.bound"],
    prepare=look_up,
    refusals={
        "validation-error": "the shop has no such active location; or location_id is missing and there are no "
        "credentials or several locations (details.locations)",
        "invalid-state": "primary false for the primary facility",
        "upstream-failed": "Shopify did not answer; nothing changed",
    },
)
@refused_while_emptied
async def slc_facility_bind(call: Call, change: Change, body: FacilityBindRequest, prepared: Place) -> FacilityEnvelope:
    """Bind a facility to a location of the shop, or change location or primary of one that is bound."""
    channel = await change.load(CHANNELS, body.channel_id, body.expected_revision)
    after = bound(
        channel,
        body.logical_guid,
        prepared.location_id,
        prepared.name,
        body.primary,
        now=change.now,
        actor=call.caller.actor,
    )
    stored = await change.update(CHANNELS, after)
    binding = next(each for each in stored.facilities if each.logical_guid == body.logical_guid)
    change.emit(
        "slc.facility.bound",
        stored.channel_id,
        revision=stored.revision,
        channel_id=stored.channel_id,
        facility=binding,
    )
    return await _answer(change, stored)


class FacilityUnbindRequest(Revised):
    channel_id: Id
    logical_guid: Guid


@endpoints.post(
    "/slc",
    action="facility/unbind",
    roles=MANAGE,
    emits=["slc.facility.unbound"],
    refusals={"invalid-state": "it is the primary facility", "not-found": "not bound to this channel"},
)
@refused_while_emptied
async def slc_facility_unbind(change: Change, body: FacilityUnbindRequest) -> FacilityEnvelope:
    """Unbind a facility; a location that has none left gets quantity 0."""
    channel = await change.load(CHANNELS, body.channel_id, body.expected_revision)
    after, gone = unbound(channel, body.logical_guid)
    stored = await change.update(CHANNELS, after)
    change.emit(
        "slc.facility.unbound",
        stored.channel_id,
        revision=stored.revision,
        channel_id=stored.channel_id,
        logical_guid=gone.logical_guid,
        location_id=gone.location_id,
    )
    return await _answer(change, stored)


async def _answer(change: Change, channel: StoredChannel) -> FacilityEnvelope:
    """The channel after the change; in an active one every included variant's quantities are synced."""
    answer = await channel_answer(change, channel)
    if channel.state != "active":
        return FacilityEnvelope(channel=answer, enqueued=0)
    variants = ManyVariants(channel_id=channel.channel_id, cause="config", inventory_only=True)
    await note_many(change, "facility", variants)
    return FacilityEnvelope(channel=answer, enqueued=answer.variants.included)
