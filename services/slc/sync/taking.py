"""Taking jobs: which of them a worker begins, in the change that marks them as running."""

from collections.abc import Callable, Sequence

from chassis.entity import Value
from chassis.unit import Change, Units, View
from chassis.work.handle import Work
from chassis.work.queue import NoPayload
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNELS
from services.slc.job.domain import SyncJob, is_takeable, taken
from services.slc.job.store import JOBS
from services.slc.variant.domain import StoredVariant
from services.slc.variant.store import VARIANTS, rows_of_style

TAKE_ROWS = 100


class Taken(Value):
    """A job that a worker took, and the row of its variant."""

    row: StoredVariant
    job: SyncJob


async def active_channel(units: Units, work: Work[NoPayload], channel_id: str) -> StoredChannel | None:
    """The channel, if writes may reach its shop now."""

    async def read(view: View) -> StoredChannel | None:
        channel = await view.get(CHANNELS, channel_id)
        return channel if channel is not None and channel.state == "active" else None

    return await units.view(work.call, read)


async def style_rows(units: Units, work: Work[NoPayload], channel_id: str, key: str) -> list[StoredVariant]:
    """The rows of a style; that of a variant alone while its style is not known."""

    async def read(view: View) -> list[StoredVariant]:
        found = await rows_of_style(view, channel_id, key)
        alone = await view.get(VARIANTS, f"{channel_id}/{key}")
        return found if alone is None or alone in found else [*found, alone]

    return await units.view(work.call, read)


async def take(
    units: Units, work: Work[NoPayload], row_ids: Sequence[str], wanted: Callable[[StoredVariant, SyncJob], bool]
) -> list[Taken]:
    """Take the jobs of these rows that are wanted and due."""
    found: list[Taken] = []
    for start in range(0, len(row_ids), TAKE_ROWS):
        bite = row_ids[start : start + TAKE_ROWS]

        async def write(change: Change, bite: Sequence[str] = bite) -> list[Taken]:
            await work.checkpoint(change)
            rows = await change.get_many(VARIANTS, bite)
            jobs = await change.get_many(JOBS, bite)
            begun = []
            for row_id in bite:
                row, job = rows.get(row_id), jobs.get(row_id)
                if row is None or job is None or not is_takeable(job, change.now) or not wanted(row, job):
                    continue
                job = await change.update(JOBS, taken(job, change.now))
                begun.append(Taken(row=row, job=job))
            return begun

        found += await units.change(work.call, write)
    return found
