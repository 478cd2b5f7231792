"""Activating and resuming channels, and stopping them again."""

from typing import Any

from msgspec.structs import replace

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Revised
from chassis.entity import Value
from chassis.errors import InvalidState
from chassis.unit import Change, Units, View
from chassis.values import Count, Id, Reason
from services.slc.channel.domain import Channel, ChannelStatus, StoredChannel
from services.slc.channel.handlers import ChannelEnvelope
from services.slc.channel.store import CHANNEL_STATUS, CHANNELS, channel_answer, channels_of_shop, status_of
from services.slc.closing.store import refused_while_emptied
from services.slc.credential.access import ShopAccess
from services.slc.credential.domain import CredentialTestFailed, check_facts
from services.slc.job.store import ManyVariants, note_many
from services.slc.lifecycle.domain import activated, deactivated, missing_to_activate, paused, resumed
from services.slc.lifecycle.revisions import channel_to_change
from services.slc.lifecycle.standing import go_on
from services.slc.lifecycle.webhooks import subscribe, unsubscribe, webhook_address
from services.slc.order.store import catch_up
from services.slc.settings import SlcSettings
from services.slc.shopify.errors import CredentialRefused, ShopFailed, ShopRefused
from services.slc.words import MANAGE

endpoints = Endpoints("slc")


class EnqueuedEnvelope(Answer):
    channel: Channel
    enqueued: Count


class Connected(Value):
    """What the shop said before a channel is activated: the topics subscribed now."""

    webhooks: list[str]


class ChannelActivateRequest(Revised):
    channel_id: Id


async def connect(
    call: Call, body: ChannelActivateRequest, units: Units, access: ShopAccess, settings: SlcSettings
) -> Connected:
    """Check that an inactive channel lacks nothing, and make its subscriptions. Raises `InvalidState`, `ShopFailed`."""
    channel, status = await channel_to_change(units, call, body.channel_id, body.expected_revision)
    activated(channel, call.started_utc)
    await check_missing(units, call, channel, status, access)
    async with access.counted(call, channel) as shop:
        topics, _ = await subscribe(shop, webhook_address(settings), channel.config)
        if channel.type == "standard":
            await shop.products.define_style_id(channel.config.metafield_namespace)
    return Connected(webhooks=topics)


async def check_missing(
    units: Units, call: Call, channel: StoredChannel, status: ChannelStatus, access: ShopAccess
) -> None:
    """Raise `InvalidState` naming what the channel lacks to be active; the shop is asked where there is a token."""
    credentials, locations = status.credentials, None
    granted: list[str] = []
    if credentials.present:
        try:
            async with access.counted(call, channel) as shop:
                facts = await shop.account.probe()
                granted = sorted(facts.scopes)
                check_facts(channel, facts)
                locations = [each.id for each in await shop.account.locations() if each.is_active]
            credentials = replace(credentials, health="healthy", scopes=granted)
        except CredentialTestFailed as failure:
            if failure.details["check"] == "scopes":
                credentials = replace(credentials, scopes=granted, health="healthy")
            else:
                credentials = replace(credentials, health="failing")
        except CredentialRefused:
            credentials = replace(credentials, health="revoked")

    async def look(view: View) -> bool:
        others = await channels_of_shop(view, channel.shop_domain)
        return any(each.is_open and each.channel_id != channel.channel_id for each in others)

    elsewhere = await units.view(call, look)
    missing = missing_to_activate(channel, credentials, locations, elsewhere=elsewhere)
    if missing:
        raise InvalidState(f"missing: {', '.join(missing)}", missing=missing)


@endpoints.post(
    "/slc",
    action="channel/activate",
    roles=MANAGE,
    emits=["slc.channel.activated"],
    prepare=connect,
    refusals={
        "invalid-state": "not inactive; or something is missing, details.missing of credentials, credentials_health, "
        "scopes, facility, location, shop_active_elsewhere. shop_active_elsewhere is reported only when the channel's "
        "own credentials are healthy",
        "upstream-failed": "Shopify did not answer; nothing changed",
    },
)
@refused_while_emptied
async def slc_channel_activate(change: Change, body: ChannelActivateRequest, prepared: Connected) -> EnqueuedEnvelope:
    """Activate a channel: its subscriptions are made and every included variant is synced."""
    channel = await change.load(CHANNELS, body.channel_id, body.expected_revision)
    stored = await change.update(CHANNELS, activated(channel, change.now))
    status = await status_of(change, stored.channel_id)
    healthy = replace(status.credentials, health="healthy", checked_utc=change.now, failure=None)
    await change.update(CHANNEL_STATUS, replace(status, webhooks=prepared.webhooks, credentials=healthy))
    await note_many(change, "activation", ManyVariants(channel_id=stored.channel_id, cause="included"))
    await catch_up(change, stored.channel_id)
    return await _answer(change, stored, "slc.channel.activated", by_all=True)


class ChannelPauseRequest(Revised):
    channel_id: Id
    reason: Reason | None = None


@endpoints.post(
    "/slc",
    action="channel/pause",
    roles=MANAGE,
    emits=["slc.channel.paused"],
    refusals={"invalid-state": "inactive, or paused by a user"},
)
@refused_while_emptied
async def slc_channel_pause(change: Change, body: ChannelPauseRequest) -> ChannelEnvelope:
    """Pause a channel: nothing is written to its shop, changes are noted and orders recorded."""
    channel = await change.load(CHANNELS, body.channel_id, body.expected_revision)
    stored = await change.update(CHANNELS, paused(channel, body.reason, change.now), body.reason)
    answer = await channel_answer(change, stored)
    change.emit("slc.channel.paused", stored.channel_id, revision=stored.revision, channel=answer, pause=answer.pause)
    return ChannelEnvelope(channel=answer)


class ChannelResumeRequest(Revised):
    channel_id: Id


async def check_cause(call: Call, body: ChannelResumeRequest, units: Units, access: ShopAccess) -> None:
    """Check that nothing stands in the way of resuming. Raises `InvalidState`, `ShopFailed`."""
    channel, status = await channel_to_change(units, call, body.channel_id, body.expected_revision)
    resumed(channel, call.started_utc)
    await check_missing(units, call, channel, status, access)


@endpoints.post(
    "/slc",
    action="channel/resume",
    roles=MANAGE,
    emits=["slc.channel.resumed"],
    prepare=check_cause,
    refusals={"invalid-state": "not paused; or details.missing as for activate (a system pause whose cause lasts)"},
)
@refused_while_emptied
async def slc_channel_resume(change: Change, body: ChannelResumeRequest, prepared: None) -> EnqueuedEnvelope:
    """Resume a paused channel: what changed meanwhile is synced, orders are caught up."""
    del prepared
    channel = await change.load(CHANNELS, body.channel_id, body.expected_revision)
    stored = await change.update(CHANNELS, resumed(channel, change.now))
    await go_on(change, stored)
    return await _answer(change, stored, "slc.channel.resumed", by="user")


class ChannelDeactivateRequest(Revised):
    channel_id: Id
    reason: Reason | None = None


async def disconnect(
    call: Call, body: ChannelDeactivateRequest, units: Units, access: ShopAccess, settings: SlcSettings
) -> None:
    """Remove the subscriptions of a channel, as far as its shop answers."""
    channel, status = await channel_to_change(units, call, body.channel_id, body.expected_revision)
    if not channel.is_open or not status.credentials.present:
        return
    try:
        async with access.counted(call, channel) as shop:
            await unsubscribe(shop, webhook_address(settings))
    except (ShopFailed, ShopRefused):
        return


@endpoints.post(
    "/slc", action="channel/deactivate", roles=MANAGE, emits=["slc.channel.deactivated"], prepare=disconnect
)
@refused_while_emptied
async def slc_channel_deactivate(change: Change, body: ChannelDeactivateRequest, prepared: None) -> ChannelEnvelope:
    """Deactivate a channel: its waiting jobs are dropped; maps, list and credentials stay."""
    del prepared
    channel = await change.load(CHANNELS, body.channel_id, body.expected_revision)
    if channel.state == "inactive":
        return ChannelEnvelope(channel=await channel_answer(change, channel))
    stored = await stop(change, channel, body.reason)
    answer = await channel_answer(change, stored)
    reason = {} if body.reason is None else {"reason": body.reason}
    change.emit("slc.channel.deactivated", stored.channel_id, revision=stored.revision, channel=answer, **reason)
    return ChannelEnvelope(channel=answer)


async def stop(change: Change, channel: StoredChannel, reason: str | None = None) -> StoredChannel:
    """Make a channel inactive and drop its jobs. The channel after."""
    stored = await change.update(CHANNELS, deactivated(channel, change.now), reason)
    status = await status_of(change, stored.channel_id)
    await change.update(CHANNEL_STATUS, replace(status, webhooks=[]))
    await note_many(change, "deactivation", ManyVariants(channel_id=stored.channel_id, scope="drop"))
    return stored


async def _answer(
    change: Change, channel: StoredChannel, event: str, *, by_all: bool = False, **body: Any
) -> EnqueuedEnvelope:
    """The channel after the change, how many variants it concerns, and its event."""
    answer = await channel_answer(change, channel)
    change.emit(event, channel.channel_id, revision=channel.revision, channel=answer, **body)
    return EnqueuedEnvelope(channel=answer, enqueued=answer.variants.included if by_all else answer.variants.queued)
