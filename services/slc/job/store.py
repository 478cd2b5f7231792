"""Storage of jobs, the queue that wakes their workers, and `note`, by which anything asks for variants to be synced."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.entity import Entity, Value, edge, index
from chassis.unit import Change, View
from chassis.values import Id
from chassis.work.queue import Lane, NoPayload, WorkQueue
from chassis.work.store import NewWork, enqueue, enqueue_many
from services.slc.channel.domain import StoredChannel
from services.slc.counters.store import count
from services.slc.job.domain import JobLane, Noted, Reason, SyncJob, due_of, new_job, noted
from services.slc.variant.domain import StoredVariant, row_id_of
from services.slc.variant.store import save_rows
from services.slc.words import Cause

NOTE_ROWS = 100
"""Variants that one transaction notes, where they are many."""

JOBS = Entity(
    "job",
    SyncJob,
    collection="slc_jobs",
    id="row_id",
    keys=("ORG#{orgcode}", "CHANNEL#{channel_id}#JOB#{variant_id}"),
    label="state",
    indexes=[
        index("channel_id", "waiting", "changed_utc", name="waiting"),
        index("channel_id", "waiting", "row_id", name="channel"),
        index("state", "due_utc", name="due", every_org=True),
    ],
    edges=[edge("syncs", to="variant", by="row_id")],
    derived={"waiting": lambda job: job.is_waiting},
    history=False,
)

SYNC: WorkQueue[NoPayload] = WorkQueue("slc", "sync", lanes=("high", "normal"))
"""Styles with jobs that are due: `<channel_id>/<style_id>`, or the variant_id while the style is not known."""


class ManyVariants(Value):
    """Which variants of a channel are concerned, and why.

    scope  all: every included one · waiting: those with a job, whose workers are woken · drop: those with a job,
           which they lose · forget: maps, snapshots and baselines go
    """

    channel_id: Id
    scope: str = "all"
    cause: Cause = "config"
    lane: JobLane = "normal"
    forced: bool = False
    inventory_only: bool = False
    batch_id: Id | None = None
    changed_utc: Utc | None = None


class Passed(Value):
    """How far the work is: the last row done."""

    row_id: str = ""


MANY: WorkQueue[ManyVariants] = WorkQueue("slc", "variants", payload=ManyVariants, progress=Passed)
"""What concerns many variants of a channel at once, done in bites: key `<channel_id>/<what>`."""


async def note(
    change: Change, channel: StoredChannel, rows: Sequence[StoredVariant], reason: Reason
) -> dict[str, Noted]:
    """Have these variants of a channel synced; for each variant_id, whether its job is new or takes the change along.

    The rows come to state queued; tally and statistics follow. Nothing happens in an inactive channel. Index: id.
    """
    if not channel.is_open or not rows:
        return {}
    jobs = await change.get_many(JOBS, [row.row_id for row in rows])
    results: dict[str, Noted] = {}
    pairs, due = [], []
    for row in rows:
        job, results[row.variant_id] = await _note_one(change, channel, row, jobs.get(row.row_id), reason)
        due.append((row, job))
        after = replace(row, sync_state="queued") if row.included else row
        pairs.append((row, after))
    await save_rows(change, pairs)
    enqueued = sum(result == "enqueued" for result in results.values())
    await count(change, channel.channel_id, jobs_enqueued=enqueued, jobs_coalesced=len(results) - enqueued)
    if channel.state == "active":
        await wake_workers(change, due)
    return results


async def _note_one(
    change: Change, channel: StoredChannel, row: StoredVariant, job: SyncJob | None, reason: Reason
) -> tuple[SyncJob, Noted]:
    resting = row.last_attempt_utc if row.sync_state == "quarantined" else None
    due_utc = due_of(reason, channel.config.debounce_ms, resting, change.now)
    if job is None:
        return await change.insert(JOBS, new_job(row.row_id, change.new_id(), reason, change.now, due_utc)), "enqueued"
    after, result = noted(job, change.new_id(), reason, change.now, due_utc)
    return await change.update(JOBS, after), result


async def wake_workers(change: Change, due: Iterable[tuple[StoredVariant, SyncJob]]) -> None:
    """Have the workers look at these jobs once they are due."""
    items: dict[str, NewWork] = {}
    for row, job in due:
        key = row_id_of(row.channel_id, row.style_id or row.variant_id)
        lane: Lane = "high" if job.lane == "fast" else "normal"
        known = items.get(key)
        if known is not None and known.due_utc is not None:
            lane = "high" if known.lane == "high" else lane
            items[key] = NewWork(key=key, lane=lane, due_utc=min(job.due_utc, known.due_utc))
        else:
            items[key] = NewWork(key=key, lane=lane, due_utc=job.due_utc)
    await enqueue_many(change, SYNC, items.values())


async def note_many(change: Change, what: str, variants: ManyVariants) -> None:
    """Have many variants of a channel noted in the background; `what` is the concern, of which the newest counts."""
    await enqueue(change, MANY, f"{variants.channel_id}/{what}", variants)


async def waiting_jobs(view: View, channel_id: str, row_id: str, limit: int) -> list[SyncJob]:
    """A channel's jobs that are not idle and follow this row, by id; the first ones after "". Index: channel."""
    after = (row_id, row_id) if row_id else None
    where = {"channel_id": channel_id, "waiting": True}
    return await view.find(JOBS, where, order=("row_id",), limit=limit, after=after)


async def oldest_job(view: View, channel_id: str) -> SyncJob | None:
    """The job that has waited longest in a channel, if any. Index: waiting."""
    where = {"channel_id": channel_id, "waiting": True}
    found = await view.find(JOBS, where, order=("changed_utc",), limit=1)
    return found[0] if found else None
