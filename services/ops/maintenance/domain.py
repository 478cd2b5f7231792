"""Maintenance windows: when the stack is closed, progress updates, and the states of a window.

    scheduled ──start──→ active ──end──→ ended
        └──cancel──→ cancelled              (start: by the operator, or by the sweep once its time has passed)

A window lasts from its start to its expected end, which counts from the scheduled start and, once the window is active,
from its actual start. Scheduled and active windows must not overlap when they are planned; one at most is active.
"""

from collections.abc import Iterable
from typing import Annotated, Literal

from msgspec import Meta, convert, field
from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.entity import Record, Value
from chassis.errors import Conflict, InvalidState, invalid_field
from chassis.values import Id, LongText, Reason, Revision, Text

State = Literal["scheduled", "active", "ended", "cancelled"]
Starter = Literal["operator", "sweep"]
Percent = Annotated[int, Meta(ge=0, le=100)]
Minutes = Annotated[int, Meta(ge=1, le=10_080)]

PROGRESS_MAX = 500
ANNOUNCED_SECONDS = 24 * 60 * 60
"""How long before its start callers are told of a window."""

START_MAX = Utc("9999-01-01T00:00:00.000Z")
"""Latest start, so that the end is still a valid date."""


class ProgressUpdate(Value):
    """The progress of the work, in words and optionally in numbers."""

    at_utc: Utc
    message: Text
    percent: Percent | None = None


class MaintenanceRecord(Record):
    """One window, as stored. It belongs to no org. `overrun` is set when it ends; see `to_answer`."""

    maintenance_id: Id
    state: State
    description: LongText
    scheduled_start_utc: Utc
    duration_minutes: Minutes
    expected_end_utc: Utc
    started_utc: Utc | None = None
    started_by: Starter | None = None
    ended_utc: Utc | None = None
    cancelled_utc: Utc | None = None
    cancel_reason: Reason | None = None
    overrun: bool = False
    progress: list[ProgressUpdate] = field(default_factory=list)


class Calendar(Record):
    """Written by every change that plans or starts a window: of two at once, the second conflicts and is run again."""

    calendar_id: str
    entries: int = 0


class Maintenance(Value):
    """One window, as answered."""

    maintenance_id: Id
    state: State
    description: LongText
    scheduled_start_utc: Utc
    duration_minutes: Minutes
    expected_end_utc: Utc
    started_utc: Utc | None
    started_by: Starter | None
    ended_utc: Utc | None
    cancelled_utc: Utc | None
    cancel_reason: Reason | None
    overrun: bool
    progress: Annotated[list[ProgressUpdate], Meta(max_length=PROGRESS_MAX)]
    revision: Revision
    created_utc: Utc
    updated_utc: Utc


class MaintenanceState(Value):
    """The active window, if any, and the next scheduled one."""

    active: Maintenance | None
    next: Maintenance | None


class ProgressReport(Value):
    """A change of a window by an operator; None leaves a field unchanged."""

    description: LongText | None = None
    duration_minutes: Minutes | None = None
    message: Text | None = None
    percent: Percent | None = None

    def check(self) -> None:
        """Raises `Invalid` if nothing is changed, or for a percentage without a message."""
        if self.message is None and self.percent is not None:
            raise invalid_field("progress.message", "is required")
        if self.description is None and self.duration_minutes is None and self.message is None:
            raise invalid_field("body", "changes nothing: give a description, a duration, or progress")


def to_answer(window: MaintenanceRecord, now: Utc) -> Maintenance:
    """A window as answered. An active one overruns from its expected end on."""
    answer: Maintenance = convert(window, Maintenance, from_attributes=True)
    overrun = window.overrun or (window.state == "active" and now > window.expected_end_utc)
    return replace(answer, overrun=overrun)


def scheduled(maintenance_id: str, description: str, start: Utc, minutes: int, now: Utc) -> MaintenanceRecord:
    """A new window. Raises `Invalid` if its start is not in the future."""
    if start <= now:
        raise invalid_field("scheduled_start_utc", "is not in the future")
    if start > START_MAX:
        raise invalid_field("scheduled_start_utc", "is too far in the future")
    return MaintenanceRecord(
        maintenance_id=maintenance_id,
        state="scheduled",
        description=description,
        scheduled_start_utc=start,
        duration_minutes=minutes,
        expected_end_utc=later(start, minutes * 60),
    )


def started(window: MaintenanceRecord, by: Starter, now: Utc) -> MaintenanceRecord:
    """The window, active from `now` for its planned duration."""
    if window.state != "scheduled":
        raise _unfit(window)
    expected_end_utc = later(now, window.duration_minutes * 60)
    return replace(window, state="active", started_utc=now, started_by=by, expected_end_utc=expected_end_utc)


def ended(window: MaintenanceRecord, now: Utc) -> MaintenanceRecord:
    """The window, ended at `now`."""
    if window.state != "active":
        raise _unfit(window)
    return replace(window, state="ended", ended_utc=now, overrun=now > window.expected_end_utc)


def cancelled(window: MaintenanceRecord, reason: str, now: Utc) -> MaintenanceRecord:
    """The window, cancelled before its start."""
    if window.state != "scheduled":
        raise _unfit(window)
    return replace(window, state="cancelled", cancelled_utc=now, cancel_reason=reason)


def updated(window: MaintenanceRecord, news: ProgressReport, now: Utc) -> MaintenanceRecord:
    """The window with a new description, a new duration or a further progress update."""
    if window.state not in ("scheduled", "active"):
        raise _unfit(window)
    if news.description is not None:
        window = replace(window, description=news.description)
    if news.duration_minutes is not None:
        end = later(start_of(window), news.duration_minutes * 60)
        window = replace(window, duration_minutes=news.duration_minutes, expected_end_utc=end)
    if news.message is not None:
        if len(window.progress) >= PROGRESS_MAX:
            raise InvalidState("the window holds as many progress updates as it can", progress_max=PROGRESS_MAX)
        said = ProgressUpdate(at_utc=now, message=news.message, percent=news.percent)
        window = replace(window, progress=[*window.progress, said])
    return window


def start_of(window: MaintenanceRecord) -> Utc:
    """The actual start of a window, else its scheduled start."""
    return window.started_utc or window.scheduled_start_utc


def overlaps(one: MaintenanceRecord, other: MaintenanceRecord) -> bool:
    """Whether two windows overlap; one may start at the expected end of the other."""
    return start_of(one) < other.expected_end_utc and start_of(other) < one.expected_end_utc


def check_room(window: MaintenanceRecord, others: Iterable[MaintenanceRecord]) -> None:
    """Raises `Conflict` if the window overlaps a scheduled or active one."""
    for other in others:
        if other.maintenance_id != window.maintenance_id and overlaps(window, other):
            raise Conflict(
                f"it overlaps a window that is {other.state}",
                maintenance_id=other.maintenance_id,
                scheduled_start_utc=other.scheduled_start_utc,
                expected_end_utc=other.expected_end_utc,
            )


def check_alone(active: MaintenanceRecord | None) -> None:
    """Raises `InvalidState` if another window is active."""
    if active is not None:
        raise InvalidState("another window is active", maintenance_id=active.maintenance_id, state=active.state)


def _unfit(window: MaintenanceRecord) -> InvalidState:
    return InvalidState(f"the window is {window.state}", state=window.state)
