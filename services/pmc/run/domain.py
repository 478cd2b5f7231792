"""Publish runs: their states, what is fixed at their start, and the order in which they take items."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, Literal

from msgspec import Meta
from msgspec.structs import replace

from chassis.clock import Utc, later, seconds_between
from chassis.entity import Document, Stamped
from chassis.errors import InvalidState
from chassis.values import Code, Count, Guid, Id, Reason
from chassis.values import Utc as UtcText
from services.pmc.profile.domain import PublishProfile
from services.pmc.run.manifest_records import ManifestLine
from services.pmc.words import CHANNELS_MAX, Outcome, Part, Rev

RunStatus = Literal["scheduled", "running", "completed", "cancelled", "failed"]
Target = Literal["live", "staged"]
Driver = Literal["client", "service"]

SELECTED_MAX = 256
ABANDONED_SECONDS = 24 * 3600
"""A running run that was not stepped for this long is failed."""

UNDO_SECONDS = 30 * 24 * 3600
SCHEDULE_SECONDS_MAX = 400 * 24 * 3600
SCHEDULED_MAX = 100
PART_LINES = 1_000
STEP_ITEMS_MAX = 200
STEP_ITEMS_DEFAULT = 100
STEP_SECONDS_MAX = 3.0
STEP_CONTENT_BYTES_MAX = 8 * 1024 * 1024

Ids = Annotated[list[Guid], Meta(min_length=1, max_length=SELECTED_MAX)]


class RunSelector(Part):
    """What a run works on, in normal form; lists ascending."""

    kind: Literal["pack", "styles", "variants"]
    style_ids: Ids | None = None
    style_id: Guid | None = None
    variant_ids: Ids | None = None
    channel_codes: Annotated[list[Code], Meta(min_length=1, max_length=CHANNELS_MAX)]


class RunOutcomes(Part, omit_defaults=False):
    """How many items had each outcome."""

    created: Count = 0
    updated: Count = 0
    promoted: Count = 0
    unchanged: Count = 0
    blocked: Count = 0
    withdrawn: Count = 0

    def plus(self, other: "RunOutcomes") -> "RunOutcomes":
        """The sum of both."""
        return RunOutcomes(
            **{name: getattr(self, name) + getattr(other, name) for name in RunOutcomes.__struct_fields__}
        )

    @classmethod
    def of(cls, outcomes: Sequence[Outcome]) -> "RunOutcomes":
        """The counts of these outcomes."""
        return cls(**{name: outcomes.count(name) for name in cls.__struct_fields__})


class RunFailure(Part):
    """Why a run failed."""

    code: Literal["abandoned", "pack-lost", "busy"]
    message: Annotated[str, Meta(min_length=1, max_length=512)]
    run_id: Id | None = None


class PublishRun(Stamped, omit_defaults=True):
    """A publish run as callers see it."""

    run_id: Id
    status: RunStatus
    pack_id: Id
    pack_rev: Rev
    selector: RunSelector
    target: Target
    dry_run: bool
    undo_of: Id | None = None
    undone_by: Id | None = None
    driver: Driver
    start_utc: UtcText | None = None
    reason: Reason | None = None
    total: Count
    processed: Count
    remaining: Count
    outcomes: RunOutcomes
    new_revisions: Count
    pinned: Count
    warnings: Count
    manifest_parts: Count
    manifest_lines: Count
    steps: Count
    started_utc: UtcText | None = None
    last_step_utc: UtcText | None = None
    finished_utc: UtcText | None = None
    abandoned_after_utc: UtcText | None = None
    cancel_reason: Reason | None = None
    failure: RunFailure | None = None


class StoredRun(PublishRun):
    """A run as it is stored.

    store_id  names the stored styles and items of the pack version
    """

    orgcode: str = ""
    store_id: str

    @property
    def claims(self) -> list[str]:
        """The channels that no other run may work on meanwhile."""
        return self.selector.channel_codes if self.status == "running" and not self.dry_run else []

    @property
    def undoable(self) -> bool:
        """Whether an undo of an earlier run has to consider this one."""
        return self.target == "live" and not self.dry_run and self.undo_of is None


class Segment(Part):
    """Items of a pack version with consecutive numbers."""

    first: int
    count: int


class RunPlan(Document):
    """Which items of the pack version a run takes, in its order."""

    run_id: str
    orgcode: str = ""
    segments: list[Segment]


class RunProfile(Document):
    """A profile as it was when the run started."""

    copy_id: str
    orgcode: str = ""
    run_id: str
    profile: PublishProfile


def to_answer(run: StoredRun) -> PublishRun:
    """The run as callers see it."""
    return PublishRun(**{name: getattr(run, name) for name in PublishRun.__struct_fields__})


def range_of(segments: Sequence[Segment], done: int, count: int) -> Iterator[Segment]:
    """The pack's item numbers of a run's next items: `count` of them behind the first `done`."""
    skip = done
    left = count
    for segment in segments:
        if skip >= segment.count:
            skip -= segment.count
            continue
        take = min(segment.count - skip, left)
        yield Segment(first=segment.first + skip, count=take)
        left -= take
        skip = 0
        if not left:
            return


def started(run: StoredRun, now: Utc) -> StoredRun:
    """The run, running from now on."""
    return replace(run, status="running", started_utc=now, abandoned_after_utc=later(now, ABANDONED_SECONDS))


def stepped(run: StoredRun, lines: Sequence[ManifestLine], totals: dict[str, Any], now: Utc) -> StoredRun:
    """The run after the transaction of a step. It completes where no line is left to store."""
    after = replace(
        run,
        processed=run.processed + len(lines),
        remaining=run.remaining - len(lines),
        outcomes=run.outcomes.plus(RunOutcomes.of([line.outcome for line in lines])),
        new_revisions=run.new_revisions + totals["new_revisions"],
        pinned=run.pinned + totals["pinned"],
        warnings=run.warnings + totals["warnings"],
        steps=run.steps + 1,
        last_step_utc=now,
        abandoned_after_utc=later(now, ABANDONED_SECONDS),
    )
    return finished(after, "completed", now) if not after.remaining and not due_lines(after) else after


def with_part(run: StoredRun, lines: int, now: Utc) -> StoredRun:
    """The run with one more part recorded; with the last one it completes."""
    after = with_lines(run, lines)
    return finished(after, "completed", now) if not after.remaining and not due_lines(after) else after


def with_lines(run: StoredRun, lines: int) -> StoredRun:
    """The run with one more manifest part, of `lines` lines."""
    return replace(run, manifest_parts=run.manifest_parts + 1, manifest_lines=run.manifest_lines + lines)


def due_lines(run: StoredRun) -> int:
    """How many lines the next part that is due has: a full part, or after the last item the rest. 0: none is due."""
    waiting = run.processed - run.manifest_lines
    if waiting >= PART_LINES:
        return PART_LINES
    return waiting if not run.remaining else 0


def finished(run: StoredRun, status: Literal["completed", "cancelled", "failed"], now: Utc) -> StoredRun:
    """The run, ended with this status."""
    return replace(run, status=status, finished_utc=now)


def failed(run: StoredRun, failure: RunFailure, now: Utc) -> StoredRun:
    """The run, failed."""
    return replace(finished(run, "failed", now), failure=failure)


def cancelled(run: StoredRun, reason: str | None, now: Utc) -> StoredRun:
    """The run, cancelled. Raises `InvalidState` where it has ended otherwise."""
    if run.status in {"completed", "failed"}:
        raise InvalidState(f"the run is {run.status}", status=run.status)
    return replace(finished(run, "cancelled", now), cancel_reason=reason)


def check_undoable(run: StoredRun, now: Utc) -> None:
    """Raise `InvalidState` where a run cannot be undone whatever other runs there are."""
    if run.dry_run or run.target != "live" or run.undo_of is not None:
        raise InvalidState("only a live run can be undone, no dry run and no undo run", status=run.status)
    if run.status not in {"completed", "cancelled", "failed"} or run.started_utc is None:
        raise InvalidState("the run has not ended, or never started", status=run.status)
    if run.undone_by is not None:
        raise InvalidState("the run is undone already", status=run.status, undone_by=run.undone_by)
    if run.finished_utc is not None and seconds_between(Utc(run.finished_utc), now) > UNDO_SECONDS:
        raise InvalidState("the run ended more than 30 days ago", status=run.status)


def stands_in_the_way(run: StoredRun, undone: StoredRun) -> bool:
    """Whether a later run of one of the channels has to be undone before `undone`."""
    return (
        run.run_id != undone.run_id
        and run.undoable
        and run.undone_by is None
        and run.processed > 0
        and run.started_utc is not None
        and undone.started_utc is not None
        and (run.started_utc, run.run_id) > (undone.started_utc, undone.run_id)
        and not set(run.selector.channel_codes).isdisjoint(undone.selector.channel_codes)
    )
