"""Taking jobs: which of them a worker begins, in the change that marks them as running."""

from collections.abc import Collection, Sequence

from chassis.entity import Value
from chassis.unit import Change, Units, View
from chassis.work.handle import Work
from chassis.work.queue import NoPayload
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNEL_STATUS, CHANNELS, status_of
from services.slc.job.domain import Stage, SyncJob, is_takeable, taken
from services.slc.job.store import JOBS, wake_workers
from services.slc.variant.domain import StoredVariant, lease_of, row_id_of
from services.slc.variant.store import VARIANTS, rows_of_styles

TAKE_ROWS = 100


SUSPECT_DEATHS = 2
"""A job that this many workers in a row have died with is taken alone, so that it fails no others."""


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


class Opening(Value):
    """What a run over styles begins with: the channel, the rows concerned, and the shop's currency."""

    channel: StoredChannel
    rows: list[StoredVariant]
    currency: str


async def opening(units: Units, work: Work[NoPayload], channel_id: str, keys: Sequence[str]) -> Opening | None:
    """The channel, and the rows of these styles or of variants whose style is not known; None unless it is active."""

    async def read(view: View) -> Opening | None:
        row_ids = [row_id_of(channel_id, key) for key in keys]
        view.prefetch(VARIANTS, row_ids)
        view.prefetch(CHANNEL_STATUS, [channel_id])
        view.prefetch(CHANNELS, [channel_id])
        of_styles = await rows_of_styles(view, channel_id, keys)
        channel = await view.get(CHANNELS, channel_id)
        if channel is None or channel.state != "active":
            return None
        alone = await view.get_many(VARIANTS, row_ids)
        rows = {row.row_id: row for row in of_styles} | alone
        currency = (await status_of(view, channel_id)).credentials.shop_currency or ""
        return Opening(channel=channel, rows=list(rows.values()), currency=currency)

    return await units.view(work.call, read)


async def take(
    units: Units, work: Work[NoPayload], row_ids: Sequence[str], stage: Stage, keys: Collection[str] = ()
) -> list[Taken]:
    """Take the jobs of these rows that this stage is to do and are due; of those that may kill their worker one.

    `keys`: the styles, or variants without one, whose lease this is. The others wait for the worker of their style.
    """
    found: list[Taken] = []
    for start in range(0, len(row_ids), TAKE_ROWS):
        bite = row_ids[start : start + TAKE_ROWS]

        async def write(
            change: Change, bite: Sequence[str] = bite, before: Sequence[Taken] = tuple(found)
        ) -> list[Taken]:
            change.prefetch(VARIANTS, bite)
            change.prefetch(JOBS, bite)
            await work.checkpoint(change)
            rows = await change.get_many(VARIANTS, bite)
            jobs = await change.get_many(JOBS, bite)
            ready = [
                (row, job)
                for row_id in bite
                if (row := rows.get(row_id)) is not None
                and (job := jobs.get(row_id)) is not None
                and is_takeable(job, change.now)
                and stage_of(row, job) == stage
            ]
            mine = [pair for pair in ready if not keys or lease_of(pair[0]) in keys]
            begun, left = apart(mine, [each.job for each in before])
            await wake_workers(change, [*left, *(pair for pair in ready if pair not in mine)])
            return [Taken(row=row, job=await change.update(JOBS, taken(job, change.now, stage))) for row, job in begun]

        found += await units.change(work.call, write)
    return found


def stage_of(row: StoredVariant, job: SyncJob) -> Stage:
    """Which worker does the job next: that of content, or once that is in step and mapped, that of quantities."""
    return "content" if job.wants_content or row.inventory_item_id is None else "levels"


Pairs = list[tuple[StoredVariant, SyncJob]]


def apart(ready: Pairs, found: Sequence[SyncJob] = ()) -> tuple[Pairs, Pairs]:
    """Those to take now beside what was found before, and those to leave for the worker's next turn.

    A suspect, with which several workers in a row have vanished, goes alone.
    """
    if any(job.deaths > SUSPECT_DEATHS for job in found):
        return [], ready
    suspects = [each for each in ready if each[1].state == "running" and each[1].deaths >= SUSPECT_DEATHS]
    begun = suspects[:1] if suspects and not found else [each for each in ready if each not in suspects]
    return begun, [each for each in ready if each not in begun]
