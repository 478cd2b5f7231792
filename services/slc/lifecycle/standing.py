"""Whether a channel may work: the system's pauses when its shop refuses it, and their end when the cause is gone.

Everything that calls a shop in the background hands its `ShopFailed` to `shop_failed`, which pauses the channel where
the failure concerns all of it. `healthy_again` takes the pause back.
"""

from msgspec.structs import replace

from chassis.caller import Call
from chassis.unit import Change, Units
from services.slc.channel.domain import CredentialFailure, FailureCode, PauseCode, StoredChannel
from services.slc.channel.store import CHANNEL_STATUS, CHANNELS, channel_answer, status_of
from services.slc.job.store import ManyVariants, note_many
from services.slc.lifecycle.domain import failing, paused_by_system, recovered
from services.slc.order.store import catch_up
from services.slc.shopify.errors import CredentialRefused, ShopFailed, ShopUnavailable
from services.slc.words import clipped


def concerns_channel(failure: ShopFailed) -> bool:
    """Whether a failure concerns the whole channel, so that the system pauses it and no attempt is counted."""
    return isinstance(failure, CredentialRefused | ShopUnavailable)


async def shop_failed(units: Units, call: Call, channel_id: str, failure: ShopFailed) -> None:
    """Note that a shop refused a channel: its credentials fail, and an active channel is paused by the system.

    Nothing happens for failures that concern one call only. `call` acts in the channel's org.
    """
    if not concerns_channel(failure):
        return
    code: FailureCode = "refused" if isinstance(failure, CredentialRefused) else "unreachable"
    cause: PauseCode = "credentials" if isinstance(failure, CredentialRefused) else "shop_unavailable"

    async def write(change: Change) -> None:
        channel = await change.get(CHANNELS, channel_id)
        if channel is not None:
            await note_failure(change, channel, code, cause, failure.message)

    await units.change(call, write)


async def note_failure(
    change: Change, channel: StoredChannel, code: FailureCode, cause: PauseCode, message: str
) -> StoredChannel:
    """Note that credentials do not work or the shop is not there, and pause an active channel. The channel after."""
    status = await status_of(change, channel.channel_id)
    known = status.credentials
    failure = CredentialFailure(code=code, message=clipped(message), at_utc=change.now)
    if known.present:
        await change.update(CHANNEL_STATUS, replace(status, credentials=failing(known, failure, change.now)))
    if known.health == "healthy":
        change.emit(
            "slc.credentials.failing",
            channel.channel_id,
            revision=channel.revision,
            channel_id=channel.channel_id,
            failure=failure,
        )
    after = paused_by_system(channel, cause, message, change.now)
    if after is None:
        return channel
    stored = await change.update(CHANNELS, after)
    answer = await channel_answer(change, stored)
    change.emit("slc.channel.paused", stored.channel_id, revision=stored.revision, channel=answer, pause=answer.pause)
    return stored


async def healthy_again(change: Change, channel: StoredChannel) -> StoredChannel:
    """Take back a pause of the system: the waiting jobs and orders go on. The channel after."""
    after = recovered(channel, change.now)
    if after is None:
        return channel
    stored = await change.update(CHANNELS, after)
    await go_on(change, stored)
    change.emit(
        "slc.channel.resumed",
        stored.channel_id,
        revision=stored.revision,
        channel=await channel_answer(change, stored),
        by="system",
    )
    return stored


async def go_on(change: Change, channel: StoredChannel) -> None:
    """Wake what waited while a channel was paused: jobs, orders, fulfilments."""
    await note_many(change, "resume", ManyVariants(channel_id=channel.channel_id, scope="waiting"))
    await catch_up(change, channel.channel_id)
