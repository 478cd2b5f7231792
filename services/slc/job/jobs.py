"""Jobs that keep sync jobs moving: those whose time has come, and those whose worker vanished."""

from collections import defaultdict
from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Clock, Utc, later
from chassis.entity import Value
from chassis.jobs.declaration import Jobs, NoParams
from chassis.jobs.orgs import within
from chassis.unit import Change, Units, View
from chassis.values import Count
from services.slc.channel.store import CHANNELS
from services.slc.job.domain import SyncJob
from services.slc.job.store import JOBS, NOTE_ROWS, due_jobs, first_due, lost_jobs, wake_workers
from services.slc.variant.store import VARIANTS

HAND_OVER_MAX = 500
LEASE_SECONDS = 60.0

jobs = Jobs("slc")


class HandedOver(Value):
    """How many jobs went to their queue."""

    handed_over: Count


@jobs.every(seconds=0.25, name="due_jobs", due=first_due)
async def due_jobs_job(units: Units, call: Call, _: NoParams) -> HandedOver:
    """Hand jobs whose debounce or retry time has come to their queue."""

    async def read(view: View) -> list[SyncJob]:
        return await due_jobs(view, view.now, HAND_OVER_MAX)

    return HandedOver(handed_over=await _hand_over(units, call, await units.view(call, read)))


async def first_lost(view: View) -> Utc | None:
    """The time of the call if the worker of a job has vanished."""
    return view.now if await lost_jobs(view, later(view.now, -LEASE_SECONDS), 1) else None


@jobs.every(seconds=15, name="lease_reaper", due=first_lost)
async def lease_reaper(units: Units, call: Call, _: NoParams, clock: Clock) -> HandedOver:
    """Hand jobs whose worker vanished to their queue again; the worker's own leases end by themselves."""
    before = later(clock.now(), -LEASE_SECONDS)

    async def read(view: View) -> list[SyncJob]:
        return await lost_jobs(view, before, HAND_OVER_MAX)

    return HandedOver(handed_over=await _hand_over(units, call, await units.view(call, read)))


async def _hand_over(units: Units, call: Call, found: list[SyncJob]) -> int:
    """Wake the workers of these jobs, in bites; how many there were whose channel is active."""
    by_channel: dict[tuple[str, str], list[str]] = defaultdict(list)
    for job in found:
        by_channel[job.orgcode, job.channel_id].append(job.row_id)
    number = 0
    for (orgcode, channel_id), row_ids in by_channel.items():
        for start in range(0, len(row_ids), NOTE_ROWS):
            bite = row_ids[start : start + NOTE_ROWS]
            number += await units.change(within(call, orgcode), _handing(channel_id, bite))
    return number


def _handing(channel_id: str, row_ids: list[str]) -> Callable[[Change], Awaitable[int]]:
    """The change that puts jobs into their queue."""

    async def hand(change: Change) -> int:
        channel = await change.get(CHANNELS, channel_id)
        if channel is None or channel.state != "active":
            return 0
        rows = await change.get_many(VARIANTS, row_ids)
        found = [job for job in (await change.get_many(JOBS, row_ids)).values() if job.is_waiting]
        for job in found:
            if job.state != "running":
                await change.update(JOBS, replace(job, state="queued"))
        await wake_workers(change, [(rows[job.row_id], job) for job in found])
        return len(found)

    return hand
