"""Looking at a channel before its shop is called, with the revision that the caller has seen."""

from chassis.caller import Call
from chassis.errors import ExpectedRevisionRequired, StaleRevision
from chassis.unit import Units, View
from services.slc.channel.domain import ChannelStatus, StoredChannel
from services.slc.channel.store import CHANNELS, status_of


async def channel_to_change(
    units: Units, call: Call, channel_id: str, expected_revision: int | None
) -> tuple[StoredChannel, ChannelStatus]:
    """The channel and its status. Raises `NotFound`, then 428 or 409 as a change would."""

    async def read(view: View) -> tuple[StoredChannel, ChannelStatus]:
        channel = await view.load(CHANNELS, channel_id)
        return channel, await status_of(view, channel_id)

    channel, status = await units.view(call, read)
    if expected_revision is None:
        raise ExpectedRevisionRequired(channel.revision)
    if expected_revision != channel.revision:
        raise StaleRevision(channel.revision)
    return channel, status
