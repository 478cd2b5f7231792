"""Looking through a channel for quantities that changed with the date."""

from collections.abc import Sequence

from chassis.rpc.client import Channels
from chassis.unit import Change, Units, View
from chassis.work.handle import Work
from chassis.work.queue import Continue, Workers
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNELS
from services.slc.job.domain import JobLane, Reason
from services.slc.job.store import note
from services.slc.shelf.store import SHELF_DATES, ShelfDates, ShelfPassed
from services.slc.sync.content import Units as UnitsOf
from services.slc.sync.quantities import plan_level
from services.slc.sync.sources import ASKED_MAX, units_of
from services.slc.variant.domain import StoredVariant
from services.slc.variant.store import VARIANTS, rows_after

workers = Workers("slc")


@workers.on(SHELF_DATES, concurrency=2, org_concurrency=1)
async def look_through(units: Units, work: Work[ShelfDates], channels: Channels) -> Continue | None:
    """Have quantities synced whose target is another one since the date changed."""
    after = (work.progress or ShelfPassed()).row_id

    async def read(view: View) -> tuple[StoredChannel | None, list[StoredVariant]]:
        channel = await view.get(CHANNELS, work.payload.channel_id)
        if channel is None or not channel.is_open or not channel.syncs("inventory"):
            return None, []
        return channel, await rows_after(view, channel.channel_id, after, ASKED_MAX)

    channel, rows = await units.view(work.call, read)
    if channel is None:
        return None
    stocked = [row for row in rows if row.included and row.levels]
    promised = await units_of(channels, work.call, channel, [row.variant_id for row in stocked]) if stocked else {}
    moved = {row.row_id: lane for row in stocked if (lane := lane_of(channel, row, promised)) is not None}

    async def write(change: Change) -> None:
        await work.checkpoint(change, ShelfPassed(row_id=rows[-1].row_id if rows else after))
        now = await change.get_many(VARIANTS, list(moved))
        lanes: Sequence[JobLane] = ("fast", "normal")
        for lane in lanes:
            due = [row for row in now.values() if row.included and moved[row.row_id] == lane]
            await note(change, channel, due, Reason(cause="stock", inventory_only=True, lane=lane))

    await units.change(work.call, write)
    return Continue() if len(rows) == ASKED_MAX else None


def lane_of(channel: StoredChannel, row: StoredVariant, promised: UnitsOf) -> JobLane | None:
    """The lane of a variant whose target differs from the last one computed; None where none does."""
    lane: JobLane | None = None
    for level in row.levels:
        if level.location_id not in channel.locations():
            continue
        target = plan_level(channel, row, level, promised, reading=False).target
        if target < level.target:
            return "fast"
        if target > level.target:
            lane = "normal"
    return lane
