"""Forcing syncs, and forgetting what is known of a shop."""

from typing import Annotated

from msgspec import Meta

from chassis.endpoint import Answer, Endpoints, Request, Revised
from chassis.errors import InvalidState
from chassis.unit import Change
from chassis.values import Count, Guid, Id
from services.slc.channel.domain import Channel, StoredChannel
from services.slc.channel.store import CHANNELS, channel_answer, mapped_in
from services.slc.closing.store import refused_while_emptied
from services.slc.inclusion.handlers import BatchItem
from services.slc.job.domain import Reason
from services.slc.job.store import ManyVariants, note, note_many
from services.slc.variant.domain import forgotten
from services.slc.variant.store import mapped_rows, rows_of, save_rows
from services.slc.words import BATCH_VARIANTS_MAX, MANAGE

endpoints = Endpoints("slc")

INLINE_ROWS = 200
"""Most variants that the call itself forgets; more, products and open writes are left to a work item."""


class ChannelForceSyncRequest(Request):
    channel_id: Id


class ChannelForceSyncAnswer(Answer):
    batch_id: Id
    enqueued: Count
    coalesced: Count


@endpoints.post(
    "/slc",
    action="channel/force-sync",
    roles=MANAGE,
    idempotent=True,
    emits=["slc.sync.requested"],
    refusals={"invalid-state": "not active"},
)
@refused_while_emptied
async def slc_channel_force_sync(change: Change, body: ChannelForceSyncRequest) -> ChannelForceSyncAnswer:
    """Compare every included variant with what the shop shows, and write what differs."""
    channel = await _active(change, body.channel_id)
    tally = (await channel_answer(change, channel)).variants
    batch_id = change.new_id()
    forced = ManyVariants(channel_id=channel.channel_id, cause="forced", lane="fast", forced=True, batch_id=batch_id)
    await note_many(change, "forced", forced)
    answer = ChannelForceSyncAnswer(
        batch_id=batch_id, enqueued=max(0, tally.included - tally.queued), coalesced=tally.queued
    )
    _emit(change, channel, answer)
    return answer


class ChannelForceSyncVariantRequest(Request):
    channel_id: Id
    variant_ids: Annotated[list[Guid], Meta(min_length=1, max_length=BATCH_VARIANTS_MAX)]


class ChannelForceSyncVariantAnswer(ChannelForceSyncAnswer):
    items: list[BatchItem]


@endpoints.post(
    "/slc",
    action="channel/force-sync-variant",
    roles=MANAGE,
    idempotent=True,
    emits=["slc.sync.requested"],
    refusals={"invalid-state": "not active"},
)
@refused_while_emptied
async def slc_channel_force_sync_variant(
    change: Change, body: ChannelForceSyncVariantRequest
) -> ChannelForceSyncVariantAnswer:
    """Compare given variants with what the shop shows, and write what differs; lifts failed and quarantined."""
    change.own_transaction()
    channel = await _active(change, body.channel_id)
    asked = list(dict.fromkeys(body.variant_ids))
    known = await rows_of(change, channel.channel_id, asked)
    rows = [known[each] for each in asked if each in known and known[each].included]
    batch_id = change.new_id()
    reason = Reason(cause="forced", lane="fast", forced=True, batch_id=batch_id)
    results = await note(change, channel, rows, reason)
    items = [BatchItem(variant_id=each, result=results.get(each, "not_included")) for each in asked]
    answer = ChannelForceSyncVariantAnswer(
        batch_id=batch_id,
        enqueued=sum(item.result == "enqueued" for item in items),
        coalesced=sum(item.result == "coalesced" for item in items),
        items=items,
    )
    _emit(change, channel, answer)
    return answer


class ChannelPurgeMapsRequest(Revised):
    channel_id: Id


class ChannelPurgeMapsAnswer(Answer):
    channel: Channel
    deleted: Count


@endpoints.post(
    "/slc",
    action="channel/purge-maps",
    roles=MANAGE,
    emits=["slc.maps.purged"],
    refusals={"invalid-state": "the channel is active"},
)
@refused_while_emptied
async def slc_channel_purge_maps(change: Change, body: ChannelPurgeMapsRequest) -> ChannelPurgeMapsAnswer:
    """Forget every Shopify id, baseline, open write and pushed snapshot of a channel."""
    channel = await change.load(CHANNELS, body.channel_id, body.expected_revision)
    if channel.state == "active":
        raise InvalidState("the channel is active", state=channel.state)
    deleted = await mapped_in(change, channel.channel_id)
    if deleted <= INLINE_ROWS:
        rows = await mapped_rows(change, channel.channel_id, INLINE_ROWS + 1)
        await save_rows(change, [(row, forgotten(row)) for row in rows])
    await note_many(change, "forget", ManyVariants(channel_id=channel.channel_id, scope="forget"))
    answer = await channel_answer(change, channel)
    change.emit(
        "slc.maps.purged",
        channel.channel_id,
        revision=channel.revision,
        channel_id=channel.channel_id,
        deleted=deleted,
    )
    return ChannelPurgeMapsAnswer(channel=answer, deleted=deleted)


async def _active(change: Change, channel_id: str) -> StoredChannel:
    channel = await change.load(CHANNELS, channel_id)
    if channel.state != "active":
        raise InvalidState(f"the channel is {channel.state}", state=channel.state)
    return channel


def _emit(change: Change, channel: StoredChannel, answer: ChannelForceSyncAnswer) -> None:
    change.emit(
        "slc.sync.requested",
        channel.channel_id,
        revision=channel.revision,
        channel_id=channel.channel_id,
        batch_id=answer.batch_id,
        enqueued=answer.enqueued,
        coalesced=answer.coalesced,
    )
