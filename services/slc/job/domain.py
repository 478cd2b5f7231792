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
Stage = Literal["content", "levels"]
Noted = Literal["enqueued", "coalesced"]

DEATHS_MAX = 5
"""How often a job may cost its worker its life before its variant is quarantined."""

QUARANTINE_SECONDS = 3600
"""How long a quarantined variant rests before a change that nobody forced brings it back."""


class SyncJob(Document, omit_defaults=True):
    """The job of one variant of one channel.

    generation          raised by every change; taken_generation: the one its worker works as of;
                        finished_generation: the one that was synced last
    content_generation  the last one that concerned more than quantities; content_done: as of which content is synced
    forced_generation   the last one that compares with what Shopify shows instead of the pushed snapshot
    due_utc             when it is taken at the earliest
    taken_utc           when a worker took it last, and stage: that of content or that of quantities
    attempt             failed attempts since it was due
    deaths              how many workers in a row have vanished while they had it
    rematched           whether its map was forgotten already, because its target was gone
    changed             fields written since it was due
    changed_utc         when the oldest change that is not synced yet happened
    report_id           the drift report that wants the repair
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
    finished_generation: int = 0
    content_generation: int = 0
    content_done: int = 0
    forced_generation: int = 0
    attempt: int = 0
    deaths: int = 0
    rematched: bool = False
    changed: tuple[str, ...] = ()
    cause: Cause
    cause_event_id: str | None = None
    batch_id: Id | None = None
    report_id: Id | None = None
    changed_utc: Utc
    taken_utc: Utc | None = None
    stage: Stage | None = None
    last_error: SyncError | None = None

    @property
    def is_waiting(self) -> bool:
        """Whether there is something to do."""
        return self.state != "idle"

    @property
    def is_poison(self) -> bool:
        """Whether it has cost too many workers their life."""
        return self.deaths >= DEATHS_MAX

    @property
    def forced(self) -> bool:
        """Whether it compares with what Shopify shows."""
        return self.forced_generation > self.finished_generation

    @property
    def wants_content(self) -> bool:
        """Whether more than quantities is to be synced."""
        return self.content_generation > self.content_done


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
        state="queued",
        lane=reason.lane,
        due_utc=due_utc,
        content_generation=0 if reason.inventory_only else 1,
        forced_generation=1 if reason.forced else 0,
        cause=reason.cause,
        cause_event_id=reason.cause_event_id,
        batch_id=reason.batch_id,
        report_id=reason.report_id,
        changed_utc=reason.changed_utc or now,
    )


def noted(job: SyncJob, job_id: str, reason: Reason, now: Moment, due_utc: Moment) -> tuple[SyncJob, Noted]:
    """The job after one more change, and whether it begins anew or takes the change along."""
    generation = job.generation + 1
    more = replace(
        job,
        generation=generation,
        content_generation=job.content_generation if reason.inventory_only else generation,
        forced_generation=generation if reason.forced else job.forced_generation,
        batch_id=reason.batch_id or job.batch_id,
        report_id=reason.report_id or job.report_id,
    )
    match job.state:
        case "idle":
            return _begun(more, job_id, reason, now, due_utc), "enqueued"
        case "running":
            return replace(more, lane=_sooner(job, reason)), "coalesced"
        case "retry" if not reason.forced:
            return more, "coalesced"
        case "due" | "queued" | "retry":
            attempt = 0 if reason.forced else job.attempt
            due_utc = min(Moment(job.due_utc), due_utc)
            return replace(
                more, state="queued", lane=_sooner(job, reason), attempt=attempt, due_utc=due_utc
            ), "coalesced"


def _sooner(job: SyncJob, reason: Reason) -> JobLane:
    return "fast" if reason.lane == "fast" else job.lane


def _begun(job: SyncJob, job_id: str, reason: Reason, now: Moment, due_utc: Moment) -> SyncJob:
    """An idle job with something to do."""
    return replace(
        job,
        job_id=job_id,
        state="queued",
        lane=reason.lane,
        due_utc=due_utc,
        attempt=0,
        rematched=False,
        changed=(),
        cause=reason.cause,
        cause_event_id=reason.cause_event_id,
        batch_id=reason.batch_id,
        report_id=reason.report_id,
        changed_utc=reason.changed_utc or now,
        last_error=None,
    )


def taken(job: SyncJob, now: Moment, stage: Stage = "content") -> SyncJob:
    """The job in the hands of a worker; one that runs already, in the same stage, has lost the worker before."""
    deaths = job.deaths + 1 if job.state == "running" and job.stage == stage else 0
    return replace(job, state="running", taken_generation=job.generation, taken_utc=now, stage=stage, deaths=deaths)


def is_takeable(job: SyncJob, now: Moment) -> bool:
    """Whether the holder of the lease takes it now. One that runs has lost its worker."""
    return job.state == "running" or (job.is_waiting and job.due_utc <= now)


def content_synced(job: SyncJob, changed: list[str], now: Moment) -> SyncJob:
    """The job once content is in step as of what its worker took; quantities come next."""
    return replace(
        job,
        state="queued",
        content_done=job.taken_generation,
        due_utc=now,
        changed=tuple(dict.fromkeys([*job.changed, *changed])),
    )


def ended(job: SyncJob, now: Moment) -> SyncJob:
    """The job once everything is in step as of what its worker took; due at once if something was noted meanwhile."""
    done = replace(
        job,
        finished_generation=job.taken_generation,
        content_done=max(job.content_done, min(job.content_generation, job.taken_generation)),
        attempt=0,
        rematched=False,
        changed=(),
        last_error=None,
        report_id=None if job.generation == job.taken_generation else job.report_id,
    )
    if job.generation == job.taken_generation:
        return replace(done, state="idle")
    return replace(done, state="due", due_utc=now, changed_utc=now)


def put_back(job: SyncJob, due_utc: Moment, *, at_once: bool = False) -> SyncJob:
    """The job, to be taken later, or at once by another worker; no attempt is counted."""
    return replace(job, state="queued" if at_once else "due", due_utc=due_utc)


def attempt_failed(job: SyncJob, error: SyncError, delay_seconds: float, now: Moment) -> SyncJob:
    """The job after an attempt that failed, to be tried again."""
    due_utc = later(now, delay_seconds)
    return replace(job, state="retry", attempt=job.attempt + 1, due_utc=due_utc, last_error=error)


def due_of(reason: Reason, debounce_ms: int, quarantined_since: Moment | None, now: Moment) -> Moment:
    """When a job noted now is taken at the earliest."""
    if quarantined_since is not None and not reason.forced:
        return max(now, later(quarantined_since, QUARANTINE_SECONDS))
    if reason.delay_seconds is not None:
        return later(now, reason.delay_seconds)
    return now if reason.lane == "fast" else later(now, debounce_ms / 1000)
