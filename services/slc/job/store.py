"""Storage of jobs, the queue that wakes their workers, and `note`, by which anything asks for variants to be synced."""

from collections.abc import Iterable, Sequence
from zlib import crc32

from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.entity import HUB, Entity, Value, edge, index
from chassis.unit import Change, View, between
from chassis.values import Id
from chassis.work.queue import Lane, NoPayload, WorkQueue
from chassis.work.store import NewWork, enqueue, enqueue_many
from services.slc.channel.domain import StoredChannel
from services.slc.counters.store import count
from services.slc.job.domain import JobLane, Noted, Reason, SyncJob, due_of, new_job, noted
from services.slc.variant.domain import StoredVariant, lease_of, row_id_of
from services.slc.variant.store import save_rows
from services.slc.words import Cause

SOON_SECONDS = 15.0
NOTE_ROWS = 100
"""Variants that one transaction notes, where they are many."""

JOBS = Entity(
    "job",
    SyncJob,
    collection="slc_jobs",
    id="row_id",
    shard_key=("orgcode", "channel_id", "row_id"),
    keys=("ORG#{orgcode}", "CHANNEL#{channel_id}#JOB#{variant_id}"),
    id_pattern="{channel_id}/{variant_id}",
    label="{variant_id} due {due_utc}",
    indexes=[
        index("channel_id", "waiting", "changed_utc", name="waiting"),
        index("channel_id", "waiting", "row_id", name="channel"),
        index("state", "due_utc", name="due", every_org=True),
        index("state", "taken_utc", name="taken", every_org=True),
        index("variant_id", "row_id", name="variant"),
        index("channel_id", "row_id", name="rows"),
    ],
    edges=[
        edge("syncs", to="channel_variant", by="row_id"),
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("in", to="channel", by="channel_id"),
    ],
    derived={"waiting": lambda job: job.is_waiting},
    history=False,
)

SYNC: WorkQueue[NoPayload] = WorkQueue("slc", "sync", lanes=("high", "normal"))
"""Styles with jobs about more than quantities: `<channel_id>/<style_id>`, or the variant_id while the style is not
known, those by group. Its lease is the lease of the style: one worker at a time touches the product."""

LEVELS: WorkQueue[NoPayload] = WorkQueue("slc", "levels", lanes=("high", "normal"))
"""Variants with jobs about quantities: `<channel_id>/<variant_id>`, taken many at a time by group."""

LEVEL_GROUPS, FAST_GROUPS = 4, 2
"""Groups of a channel's variants, by hash: a worker each writes their quantities, and the urgent ones."""


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
    if row.inventory_item_id is None:
        # What is not mapped has no quantities: it has to be found first.
        reason = replace(reason, inventory_only=False)
    resting = row.last_attempt_utc if row.sync_state == "quarantined" else None
    due_utc = due_of(reason, channel.config.debounce_ms, resting, change.now)
    if job is None:
        return await change.insert(JOBS, new_job(row.row_id, change.new_id(), reason, change.now, due_utc)), "enqueued"
    after, result = noted(job, change.new_id(), reason, change.now, due_utc)
    return await change.update(JOBS, after), result


async def wake_workers(change: Change, due: Iterable[tuple[StoredVariant, SyncJob]]) -> None:
    """Have the workers look at these jobs once they are due."""
    styles: dict[str, NewWork] = {}
    levels: list[NewWork] = []
    for row, job in due:
        lane: Lane = "high" if job.lane == "fast" else "normal"
        if job.wants_content or row.inventory_item_id is None:
            key = row_id_of(row.channel_id, lease_of(row))
            # Variants whose style is not known yet are asked about many at a time.
            group = "" if row.style_id else level_group(row.channel_id, row.variant_id, job.lane)
            new = NewWork(key=key, lane=lane, due_utc=job.due_utc, group=group)
            styles[key] = _both(styles[key], new) if key in styles else new
        else:
            group = level_group(row.channel_id, row.variant_id, job.lane)
            levels.append(NewWork(key=row.row_id, lane=lane, due_utc=job.due_utc, group=group))
    await enqueue_many(change, SYNC, styles.values())
    await enqueue_many(change, LEVELS, levels)


def level_group(channel_id: str, variant_id: str, lane: JobLane) -> str:
    """The group in which a variant's quantities are written. What is urgent waits for nothing that is not."""
    if lane == "fast":
        return f"{channel_id}/fast/{crc32(variant_id.encode()) % FAST_GROUPS}"
    return f"{channel_id}/{crc32(variant_id.encode()) % LEVEL_GROUPS}"


def _both(one: NewWork, other: NewWork) -> NewWork:
    """Both at once: the higher lane and the sooner time."""
    sooner = one if (one.due_utc or "") <= (other.due_utc or "") else other
    return sooner if other.lane != "high" else replace(sooner, lane="high")


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


async def due_jobs(view: View, now: Utc, limit: int) -> list[SyncJob]:
    """Jobs of all orgs that were put back or failed, and whose time has come. Index: due."""
    found: list[SyncJob] = []
    for state in ("due", "retry"):
        where = {"state": state, "due_utc": between(at_most=now)}
        found += await view.every_org().find(JOBS, where, order=("due_utc",), limit=limit - len(found) or 1)
    return found


async def first_due(view: View) -> Utc | None:
    """When the first job of any org that was put back or failed comes due; None if that takes a while. Index: due."""
    jobs, soon = view.every_org(), between(at_most=later(view.now, SOON_SECONDS))
    wheres = [{"state": state, "due_utc": soon} for state in ("due", "retry")]
    first = [await jobs.find(JOBS, where, order=("due_utc",), limit=1) for where in wheres]
    return min((job.due_utc for found in first for job in found), default=None)


async def lost_jobs(view: View, before: Utc, limit: int) -> list[SyncJob]:
    """Jobs of all orgs that were taken before this time and have not ended. Index: taken."""
    where = {"state": "running", "taken_utc": between(at_most=before)}
    return await view.every_org().find(JOBS, where, order=("taken_utc",), limit=limit)
