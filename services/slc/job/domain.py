"""Jobs: the standing order to bring one variant of one channel in step. One row per variant, never two."""

from typing import Literal

from msgspec.structs import replace

from chassis.clock import Utc as Moment
from chassis.clock import later
from chassis.entity import Document, Value
from chassis.values import Guid, Id, Utc
from services.slc.words import Cause, SyncError

JobState = Literal["idle", "due", "queued", "running", "retry"]
JobLane = Literal["fast", "normal"]
Noted = Literal["enqueued", "coalesced"]

QUARANTINE_SECONDS = 3600
"""How long a quarantined variant rests before a change that nobody forced brings it back."""


class SyncJob(Document, omit_defaults=True):
    """The job of one variant of one channel.

    generation        raised by every change; taken_generation: the one its worker works as of
    due_utc           when it is taken at the earliest
    attempt           failed attempts since it was due
    forced            compares with what Shopify shows instead of the pushed snapshot
    inventory_only    only quantities are concerned
    changed_utc       when the oldest change that is not synced yet happened
    report_id         the drift report that wants the repair
    """

    row_id: str
    job_id: Id
    channel_id: Id
    variant_id: Guid
    orgcode: str = ""
    state: JobState
    lane: JobLane = "normal"
    due_utc: Utc
    generation: int = 1
    taken_generation: int = 0
    attempt: int = 0
    forced: bool = False
    inventory_only: bool = False
    cause: Cause
    cause_event_id: str | None = None
    batch_id: Id | None = None
    report_id: Id | None = None
    changed_utc: Utc
    last_error: SyncError | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether there is something to do."""
        return self.state != "idle"


class Reason(Value):
    """Why variants are to be synced.

    lane            `fast` for stock that fell, forced jobs, removals and going offline
    changed_utc     when it happened; the time of the change that notes it where left out
    delay_seconds   not before so long from now, instead of the channel's debounce
    """

    cause: Cause
    lane: JobLane = "normal"
    forced: bool = False
    inventory_only: bool = False
    cause_event_id: str | None = None
    batch_id: str | None = None
    report_id: str | None = None
    changed_utc: Moment | None = None
    delay_seconds: float | None = None


def new_job(row_id: str, job_id: str, reason: Reason, now: Moment, due_utc: Moment) -> SyncJob:
    """The job of a variant that never had one."""
    channel_id, _, variant_id = row_id.partition("/")
    return SyncJob(
        row_id=row_id,
        job_id=job_id,
        channel_id=channel_id,
        variant_id=variant_id,
        state="due",
        lane=reason.lane,
        due_utc=due_utc,
        forced=reason.forced,
        inventory_only=reason.inventory_only,
        cause=reason.cause,
        cause_event_id=reason.cause_event_id,
        batch_id=reason.batch_id,
        report_id=reason.report_id,
        changed_utc=reason.changed_utc or now,
    )


def noted(job: SyncJob, job_id: str, reason: Reason, now: Moment, due_utc: Moment) -> tuple[SyncJob, Noted]:
    """The job after one more change, and whether it begins anew or takes the change along."""
    if job.state == "idle":
        fresh = new_job(job.row_id, job_id, reason, now, due_utc)
        return replace(fresh, orgcode=job.orgcode, generation=job.generation + 1), "enqueued"
    more = replace(
        job,
        generation=job.generation + 1,
        lane="fast" if reason.lane == "fast" else job.lane,
        forced=job.forced or reason.forced,
        inventory_only=job.inventory_only and reason.inventory_only,
        batch_id=reason.batch_id or job.batch_id,
        report_id=reason.report_id or job.report_id,
    )
    if job.state == "running":
        return more, "coalesced"
    if reason.forced:
        return replace(more, state="due", attempt=0, due_utc=min(job.due_utc, due_utc)), "coalesced"
    if job.state == "retry":
        return more, "coalesced"
    return replace(more, due_utc=min(job.due_utc, due_utc)), "coalesced"


def due_of(reason: Reason, debounce_ms: int, quarantined_since: Moment | None, now: Moment) -> Moment:
    """When a job noted now is taken at the earliest."""
    if quarantined_since is not None and not reason.forced:
        return max(now, later(quarantined_since, QUARANTINE_SECONDS))
    if reason.delay_seconds is not None:
        return later(now, reason.delay_seconds)
    return now if reason.lane == "fast" else later(now, debounce_ms / 1000)
