"""Uninstalling and deleting channels."""

from typing import Literal

from msgspec.structs import replace

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Revised
from chassis.errors import InvalidState, invalid_field
from chassis.unit import Change, Units
from chassis.values import Id, Reason
from chassis.work.store import enqueue
from services.slc.channel.domain import NO_CREDENTIALS, Channel, StoredChannel
from services.slc.channel.store import CHANNEL_STATUS, CHANNELS, channel_answer, status_of
from services.slc.closing.store import refused_while_emptied
from services.slc.credential.access import ShopAccess
from services.slc.credential.domain import erased
from services.slc.credential.store import CREDENTIALS
from services.slc.lifecycle.activation import stop
from services.slc.lifecycle.erasing import OWNED_BUT_STATUS, erase_owned, tallied
from services.slc.lifecycle.revisions import channel_to_change
from services.slc.lifecycle.store import ERASURES
from services.slc.shopify.errors import CredentialRefused
from services.slc.words import MANAGE, Confirmation, ErasedCollection

endpoints = Endpoints("slc")

ERASE_SECONDS = 15.0
"""How long channel/delete erases itself; the rest is work."""


class ChannelUninstallRequest(Revised):
    channel_id: Id
    reason: Reason | None = None


class ChannelUninstallAnswer(Answer):
    channel: Channel
    revoked: Literal["now", "before"]


async def revoke(
    call: Call, body: ChannelUninstallRequest, units: Units, access: ShopAccess
) -> Literal["now", "before"]:
    """Revoke a channel's token at Shopify. Raises `InvalidState` without one, `ShopFailed`."""
    channel, status = await channel_to_change(units, call, body.channel_id, body.expected_revision)
    if not status.credentials.present:
        raise InvalidState("the channel has no credentials")
    try:
        async with access.counted(call, channel) as shop:
            await shop.account.uninstall()
    except CredentialRefused:
        return "before"
    return "now"


@endpoints.post(
    "/slc",
    action="channel/uninstall",
    roles=MANAGE,
    emits=["slc.channel.uninstalled"],
    prepare=revoke,
    refusals={
        "invalid-state": "no credentials",
        "upstream-failed": "Shopify did not confirm; nothing changed",
    },
)
@refused_while_emptied
async def slc_channel_uninstall(
    change: Change, body: ChannelUninstallRequest, prepared: Literal["now", "before"]
) -> ChannelUninstallAnswer:
    """Revoke a channel's token at Shopify, erase it, and deactivate the channel."""
    channel = await change.load(CHANNELS, body.channel_id, body.expected_revision)
    stored = await forget_tokens(change, channel, body.reason)
    answer = await channel_answer(change, stored)
    change.emit("slc.channel.uninstalled", stored.channel_id, revision=stored.revision, channel=answer, by="user")
    return ChannelUninstallAnswer(channel=answer, revoked=prepared)


async def forget_tokens(change: Change, channel: StoredChannel, reason: str | None = None) -> StoredChannel:
    """Erase a channel's tokens and make it inactive; the webhook secret stays sealed. The channel after."""
    stored = await stop(change, replace(channel, credentials_rotated=channel.credentials_rotated + 1), reason)
    credential = await change.get(CREDENTIALS, channel.channel_id)
    if credential is not None:
        await change.update(CREDENTIALS, erased(credential))
    status = await status_of(change, channel.channel_id)
    await change.update(CHANNEL_STATUS, replace(status, credentials=NO_CREDENTIALS))
    return stored


class ChannelDeleteRequest(Revised):
    channel_id: Id
    confirmation_phrase: Confirmation


class ChannelDeleteAnswer(Answer):
    deleted: bool
    channel_id: Id
    tally: list[ErasedCollection]


async def erase_channel(call: Call, body: ChannelDeleteRequest, units: Units) -> dict[str, int]:
    """Erase what an inactive channel owns, as far as there is time; collection -> deleted.

    Raises `Invalid` for another phrase, `InvalidState` unless the channel is inactive.
    """
    channel, _ = await channel_to_change(units, call, body.channel_id, body.expected_revision)
    check_deletable(channel, body.confirmation_phrase)
    deleted, _ = await erase_owned(units, call, channel.channel_id, ERASE_SECONDS, OWNED_BUT_STATUS)
    return deleted


def check_deletable(channel: StoredChannel, phrase: str) -> None:
    """Raise `Invalid` for another phrase, `InvalidState` unless the channel is inactive."""
    if phrase != f"DELETE CHANNEL {channel.channel_code} PERMANENTLY":
        raise invalid_field("confirmation_phrase", f"must be DELETE CHANNEL {channel.channel_code} PERMANENTLY")
    if channel.state != "inactive":
        raise InvalidState(f"the channel is {channel.state}", state=channel.state)


@endpoints.post(
    "/slc",
    action="channel/delete",
    roles=MANAGE,
    emits=["slc.channel.deleted"],
    prepare=erase_channel,
    refusals={"validation-error": "the phrase differs", "invalid-state": "not inactive"},
)
@refused_while_emptied
async def slc_channel_delete(
    change: Change, body: ChannelDeleteRequest, prepared: dict[str, int]
) -> ChannelDeleteAnswer:
    """Delete an inactive channel and everything it owns; audit records stay, Shopify is not touched."""
    channel = await change.load(CHANNELS, body.channel_id, body.expected_revision)
    check_deletable(channel, body.confirmation_phrase)
    await change.delete(CHANNEL_STATUS, await status_of(change, channel.channel_id))
    await change.delete(CHANNELS, channel)
    await enqueue(change, ERASURES, channel.channel_id)
    change.emit(
        "slc.channel.deleted",
        channel.channel_id,
        revision=channel.revision,
        channel_id=channel.channel_id,
        channel_code=channel.channel_code,
    )
    deleted = {**prepared, CHANNELS.collection: 1}
    tally = [ErasedCollection(collection=name, matched=number, deleted=number) for name, number in tallied(deleted)]
    return ChannelDeleteAnswer(deleted=True, channel_id=channel.channel_id, tally=tally)
