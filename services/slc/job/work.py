"""Noting what concerns many variants of a channel, in bites."""

from msgspec.structs import replace

from chassis.unit import Change, Units
from chassis.work.handle import Work
from chassis.work.queue import Continue, Workers
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNELS
from services.slc.job.domain import Reason
from services.slc.job.store import JOBS, MANY, NOTE_ROWS, ManyVariants, Passed, note, waiting_jobs, wake_workers
from services.slc.variant.domain import forgotten
from services.slc.variant.store import VARIANTS, rows_after, save_rows

workers = Workers("slc")


@workers.on(MANY, concurrency=2, org_concurrency=1)
async def note_variants(units: Units, work: Work[ManyVariants]) -> Continue | None:
    """Note many variants of a channel, a bite at a time."""
    so_far: Passed = work.progress or Passed()
    asked = work.payload

    async def bite(change: Change) -> bool:
        channel = await change.get(CHANNELS, asked.channel_id)
        passed = await _bite(change, channel, asked, so_far.row_id) if channel is not None else None
        if passed is None:
            await work.finish(change)
            return True
        await work.checkpoint(change, Passed(row_id=passed))
        return False

    return None if await units.change(work.call, bite) else Continue()


async def _bite(change: Change, channel: StoredChannel, asked: ManyVariants, row_id: str) -> str | None:
    """Do the rows after this one; the last one done, or None at the end."""
    match asked.scope:
        case "waiting" | "drop":
            return await _jobs(change, channel, asked, row_id)
        case "forget":
            return await _forget(change, channel, row_id)
    rows = await rows_after(change, channel.channel_id, row_id, NOTE_ROWS)
    reason = Reason(
        cause=asked.cause,
        lane=asked.lane,
        forced=asked.forced,
        inventory_only=asked.inventory_only,
        batch_id=asked.batch_id,
        changed_utc=asked.changed_utc,
    )
    await note(change, channel, [row for row in rows if row.included], reason)
    return rows[-1].row_id if len(rows) == NOTE_ROWS else None


async def _jobs(change: Change, channel: StoredChannel, asked: ManyVariants, row_id: str) -> str | None:
    """Wake the workers of waiting jobs, or drop these jobs if the channel is inactive still."""
    jobs = await waiting_jobs(change, channel.channel_id, row_id, NOTE_ROWS)
    rows = await change.get_many(VARIANTS, [job.row_id for job in jobs])
    if asked.scope == "waiting" and channel.state == "active":
        await wake_workers(change, [(rows[job.row_id], job) for job in jobs])
    if asked.scope == "drop" and not channel.is_open:
        for job in jobs:
            await change.update(JOBS, replace(job, state="idle", generation=job.generation + 1))
        left = [row for row in rows.values() if row.sync_state == "queued"]
        await save_rows(change, [(row, replace(row, sync_state="pending")) for row in left])
    return jobs[-1].row_id if len(jobs) == NOTE_ROWS else None


async def _forget(change: Change, channel: StoredChannel, row_id: str) -> str | None:
    """Forget what is known of the shop, if the channel is not active."""
    if channel.state == "active":
        return None
    rows = await rows_after(change, channel.channel_id, row_id, NOTE_ROWS)
    await save_rows(change, [(row, forgotten(row)) for row in rows])
    return rows[-1].row_id if len(rows) == NOTE_ROWS else None
