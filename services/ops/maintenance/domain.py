"""Maintenance windows: when the stack is closed, and what is said of it meanwhile."""

from typing import Annotated, Literal

from msgspec import Meta, convert, field

from chassis.clock import Utc
from chassis.entity import Record, Value
from chassis.values import Id, LongText, Reason, Revision, Text

State = Literal["scheduled", "active", "ended", "cancelled"]
Starter = Literal["operator", "sweep"]
Percent = Annotated[int, Meta(ge=0, le=100)]
Minutes = Annotated[int, Meta(ge=1, le=10_080)]

PROGRESS_MAX = 500
ANNOUNCED_SECONDS = 24 * 60 * 60
"""How long before its start a window is announced to callers."""


class ProgressUpdate(Value, frozen=True, kw_only=True):
    """How far the work has come, in words and perhaps in numbers."""

    at_utc: Utc
    message: Text
    percent: Percent | None = None


class Window(Record, frozen=True, kw_only=True):
    """One window, as it is kept. It belongs to no org."""

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


class Maintenance(Value, frozen=True, kw_only=True):
    """One window, as callers see it."""

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


class MaintenanceState(Value, frozen=True, kw_only=True):
    """The window that is active, if any, and the next that is scheduled."""

    active: Window | None
    next: Window | None


def shown(window: Window) -> Maintenance:
    """A window as callers see it."""
    return convert(window, Maintenance, from_attributes=True)
