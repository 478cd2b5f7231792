"""The regular catch-up on orders."""

from chassis.caller import Call
from chassis.entity import Value
from chassis.jobs.declaration import Jobs
from chassis.jobs.orgs import within
from chassis.unit import Change, Units, View
from chassis.values import Count, Id, Orgcode
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import open_channels
from services.slc.order.store import catch_up

CATCH_UP_SECONDS = 15 * 60

jobs = Jobs("slc")


class ChannelParams(Value):
    """Which channels: all, those of an org, or one."""

    orgcode: Orgcode | None = None
    channel_id: Id | None = None


class CatchUpAnswer(Value):
    """How many channels are caught up on."""

    channels: Count


@jobs.every(seconds=CATCH_UP_SECONDS, name="order_catch_up", params=ChannelParams)
async def order_catch_up(units: Units, call: Call, params: ChannelParams) -> CatchUpAnswer:
    """Reconcile every order that changed lately, of each active or paused channel."""

    async def read(view: View) -> list[StoredChannel]:
        return await open_channels(view)

    chosen = [each for each in await units.view(call, read) if is_chosen(each, params)]
    for channel in chosen:

        async def write(change: Change, channel_id: str = channel.channel_id) -> None:
            await catch_up(change, channel_id)

        await units.change(within(call, channel.orgcode), write)
    return CatchUpAnswer(channels=len(chosen))


def is_chosen(channel: StoredChannel, params: ChannelParams) -> bool:
    """Whether a channel is one that the params name."""
    return params.orgcode in {None, channel.orgcode} and params.channel_id in {None, channel.channel_id}
