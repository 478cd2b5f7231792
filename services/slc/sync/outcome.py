"""What becomes of one variant in one stage of its job, and of the job: pure."""

from typing import Any, Literal

from msgspec import field
from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.entity import Value
from services.slc.audit.domain import AuditKind, FieldChange
from services.slc.job.domain import Stage, SyncJob, attempt_failed, content_synced, ended, put_back
from services.slc.variant.domain import StoredVariant
from services.slc.words import SyncError, SyncErrorCode, SyncState, clipped

JITTER = 0.2
"""Share by which a retry comes sooner or later."""

EndingKind = Literal["done", "waiting", "refused", "transient", "later", "rematch", "dead"]


class Ending(Value):
    """What became of one variant in a stage.

    done       everything is in step; `changes` were written. `more` says that quantities come next
    waiting    there is nothing to sync yet
    refused    the shop refused it for good
    transient  it is tried again; too often: quarantined
    later      it is put back for `after_seconds`, and no attempt is counted
    rematch    its map's target is gone: it is matched once more
    dead       it is given up at once: quarantined

    fields     what is replaced in the variant's row
    targets    location -> the quantity that the shop may show there
    audit      the kind of the record about the changes
    in_shadow  the changes were not made
    """

    variant_id: str
    kind: EndingKind = "done"
    changes: tuple[FieldChange, ...] = ()
    fields: dict[str, Any] = field(default_factory=dict)
    targets: dict[str, int] = field(default_factory=dict)
    code: SyncErrorCode | None = None
    message: str = ""
    candidates: tuple[str, ...] = ()
    after_seconds: float = 0.0
    audit: AuditKind = "sync.updated"
    in_shadow: bool = False
    more: bool = False


class Settled(Value):
    """Row and job after an ending; `is_last` when the job ended, `given_up` when the variant is quarantined."""

    row: StoredVariant
    job: SyncJob | None
    error: SyncError | None = None
    is_last: bool = False
    given_up: bool = False


def settled(
    row: StoredVariant,
    job: SyncJob | None,
    ending: Ending,
    stage: Stage,
    delays: tuple[float, ...],
    spread: float,
    now: Utc,
) -> Settled:
    """Row and job after an ending. `spread` from -1 to 1 moves a retry by up to a fifth of its delay.

    A job that was dropped meanwhile, or that the worker of the other stage has taken since, is left alone; what is
    known of the shop is kept all the same.
    """
    row = replace(row, **ending.fields)
    if ending.targets:
        levels = [replace(each, target=ending.targets.get(each.location_id, each.target)) for each in row.levels]
        row = replace(row, levels=levels)
    if job is None or job.state != "running":
        return Settled(row=row, job=None)
    if job.stage not in {None, stage}:
        return Settled(row=row, job=replace(job, changed=_more(job, ending)))
    if ending.kind == "done" and stage == "content" and ending.more:
        return Settled(row=row, job=content_synced(job, [each.field for each in ending.changes], now))
    return _settled(row, job, ending, delays, spread, now)


def _settled(
    row: StoredVariant, job: SyncJob, ending: Ending, delays: tuple[float, ...], spread: float, now: Utc
) -> Settled:
    match ending.kind:
        case "done":
            return _synced(row, job, ending, now)
        case "later":
            job = replace(job, changed=_more(job, ending))
            at_once = not ending.after_seconds
            return Settled(row=row, job=put_back(job, later(now, ending.after_seconds), at_once=at_once))
        case "rematch" if not job.rematched:
            again = replace(put_back(job, now), rematched=True, content_done=0, content_generation=job.generation)
            return Settled(row=row, job=replace(again, forced_generation=job.generation))
        case "waiting" | "refused" | "rematch":
            return _stopped(row, job, ending, now)
        case "transient":
            return _tried(row, job, ending, delays, spread, now)
        case "dead":
            return _given_up(row, job, error_of(ending, job.attempt, now), now)


def poisoned(variant_id: str, message: str) -> Ending:
    """The ending of a variant whose job must not be tried again."""
    return Ending(variant_id=variant_id, kind="dead", code="poison", message=message)


def error_of(ending: Ending, attempts: int, now: Utc) -> SyncError:
    """The error of an ending that is not done."""
    return SyncError(
        code=ending.code or "internal",
        message=clipped(ending.message),
        at_utc=now,
        attempts=attempts,
        candidates=list(ending.candidates[:10]) or None,
    )


def _synced(row: StoredVariant, job: SyncJob, ending: Ending, now: Utc) -> Settled:
    after = ended(job, now)
    state: SyncState = "synced" if after.state == "idle" else "queued"
    row = replace(row, sync_state=state, last_synced_utc=now, last_attempt_utc=now, last_error=None)
    return Settled(row=row, job=replace(after, changed=_more(job, ending)), is_last=True)


def _more(job: SyncJob, ending: Ending) -> tuple[str, ...]:
    """The fields written since the job was due, those of the ending included."""
    return tuple(dict.fromkeys([*job.changed, *(each.field for each in ending.changes)]))


def _stopped(row: StoredVariant, job: SyncJob, ending: Ending, now: Utc) -> Settled:
    """Nothing more can be done before something changes."""
    error = error_of(ending, job.attempt, now)
    after = ended(job, now)
    state: SyncState = "waiting" if ending.kind == "waiting" else "failed"
    row = replace(row, sync_state=state if after.state == "idle" else "queued", last_attempt_utc=now, last_error=error)
    return Settled(row=row, job=after, error=error, is_last=True)


def _tried(
    row: StoredVariant, job: SyncJob, ending: Ending, delays: tuple[float, ...], spread: float, now: Utc
) -> Settled:
    error = error_of(ending, job.attempt + 1, now)
    if job.attempt < len(delays):
        row = replace(row, last_attempt_utc=now, last_error=error)
        delay = delays[job.attempt] * (1 + JITTER * spread)
        return Settled(row=row, job=attempt_failed(job, error, delay, now), error=error)
    return _given_up(row, replace(job, attempt=job.attempt + 1), error, now)


def _given_up(row: StoredVariant, job: SyncJob, error: SyncError, now: Utc) -> Settled:
    """The variant is quarantined."""
    row = replace(row, sync_state="quarantined", last_attempt_utc=now, last_error=error)
    job = replace(job, state="idle", deaths=0, last_error=error)
    return Settled(row=row, job=job, error=error, is_last=True, given_up=True)
