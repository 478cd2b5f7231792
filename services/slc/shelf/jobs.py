"""The start of a day: units whose date has passed may not be sold any more, and no event says so."""

from chassis.caller import Call
from chassis.entity import Value
from chassis.gate import Gate
from chassis.jobs.declaration import Jobs
from chassis.jobs.orgs import within
from chassis.unit import Change, Units, View
from chassis.values import Count, Id, Orgcode
from chassis.work.store import enqueue
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import open_channels
from services.slc.shelf.store import SHELF_DATES, ShelfDates

jobs = Jobs("slc")


class ShelfParams(Value):
    """Which channels: all, those of an org, or one."""

    orgcode: Orgcode | None = None
    channel_id: Id | None = None


class ShelfAnswer(Value):
    """How many channels are looked through."""

    channels: Count


@jobs.daily(hour=0, name="shelf_dates", params=ShelfParams)
async def shelf_dates(units: Units, call: Call, params: ShelfParams, gate: Gate) -> ShelfAnswer:
    """Have quantities synced that changed because dates of units have passed."""

    async def read(view: View) -> list[StoredChannel]:
        return await open_channels(view)

    chosen = [
        each
        for each in await units.view(call, read)
        if params.orgcode in {None, each.orgcode}
        and params.channel_id in {None, each.channel_id}
        and each.syncs("inventory")
        and not gate.is_closed_for(each.orgcode)
    ]
    for channel in chosen:

        async def write(change: Change, channel_id: str = channel.channel_id) -> None:
            await enqueue(change, SHELF_DATES, channel_id, ShelfDates(channel_id=channel_id))

        await units.change(within(call, channel.orgcode), write)
    return ShelfAnswer(channels=len(chosen))
