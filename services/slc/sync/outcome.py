"""What becomes of one variant in one stage of its job, and of the job: pure."""

from typing import Any, Literal

from msgspec import field
from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.entity import Value
from services.slc.audit.domain import AuditKind, FieldChange
from services.slc.job.domain import SyncJob, attempt_failed, content_synced, ended, put_back
from services.slc.variant.domain import StoredVariant
from services.slc.words import SyncError, SyncErrorCode, SyncState, clipped

JITTER = 0.2
"""Share by which a retry comes sooner or later."""

Stage = Literal["content", "levels"]
EndingKind = Literal["done", "waiting", "refused", "transient", "later", "rematch"]


class Ending(Value):
    """What became of one variant in a stage.

    done       everything is in step; `changes` were written. `more` says that quantities come next
    waiting    there is nothing to sync yet
    refused    the shop refused it for good
    transient  it is tried again; too often: quarantined
    later      it is put back for `after_seconds`, and no attempt is counted
    rematch    its map's target is gone: it is matched once more

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

    A job that was dropped meanwhile is left alone; what is known of the shop is kept all the same.
    """
    row = replace(row, **ending.fields)
    if ending.targets:
        levels = [replace(each, target=ending.targets.get(each.location_id, each.target)) for each in row.levels]
        row = replace(row, levels=levels)
    if job is None or job.state != "running":
        return Settled(row=row, job=None)
    match ending.kind:
        case "done" if stage == "content" and ending.more:
            return Settled(row=row, job=content_synced(job, [each.field for each in ending.changes], now))
        case "done":
            return _synced(row, job, ending, now)
        case "later":
            job = replace(job, changed=tuple(dict.fromkeys([*job.changed, *(each.field for each in ending.changes)])))
            at_once = not ending.after_seconds
            return Settled(row=row, job=put_back(job, later(now, ending.after_seconds), at_once=at_once))
        case "rematch" if not job.rematched:
            again = replace(put_back(job, now), rematched=True, content_done=0, content_generation=job.generation)
            return Settled(row=row, job=replace(again, forced_generation=job.generation))
        case "waiting" | "refused" | "rematch":
            return _stopped(row, job, ending, now)
        case "transient":
            return _tried(row, job, ending, delays, spread, now)


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
    changed = tuple(dict.fromkeys([*job.changed, *(each.field for each in ending.changes)]))
    return Settled(row=row, job=replace(after, changed=changed), is_last=True)


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
    row = replace(row, last_attempt_utc=now, last_error=error)
    if job.attempt < len(delays):
        delay = delays[job.attempt] * (1 + JITTER * spread)
        return Settled(row=row, job=attempt_failed(job, error, delay, now), error=error)
    job = replace(job, state="idle", attempt=job.attempt + 1, last_error=error)
    return Settled(row=replace(row, sync_state="quarantined"), job=job, error=error, is_last=True, given_up=True)
