"""Maintenance windows: when the stack is closed, and what is said of it meanwhile."""

from typing import Annotated, Literal

from msgspec import Meta, field

from chassis.clock import Utc
from chassis.entity import Record, Value
from chassis.values import Id, LongText, Reason, Text

State = Literal["scheduled", "active", "ended", "cancelled"]
Percent = Annotated[int, Meta(ge=0, le=100)]
Minutes = Annotated[int, Meta(ge=1, le=10_080)]

ANNOUNCED_SECONDS = 24 * 60 * 60
"""How long before its start a window is announced to callers."""


class ProgressUpdate(Value, frozen=True, kw_only=True):
    """How far the work has come, in words and perhaps in numbers."""

    at_utc: Utc
    message: Text
    percent: Percent | None = None


class Maintenance(Record, frozen=True, kw_only=True):
    """One window."""

    maintenance_id: Id
    state: State
    description: LongText
    scheduled_start_utc: Utc
    duration_minutes: Minutes
    expected_end_utc: Utc
    started_utc: Utc | None = None
    started_by: Literal["operator", "sweep"] | None = None
    ended_utc: Utc | None = None
    cancelled_utc: Utc | None = None
    cancel_reason: Reason | None = None
    overrun: bool = False
    progress: list[ProgressUpdate] = field(default_factory=list)


class MaintenanceState(Value, frozen=True, kw_only=True):
    """The window that is active, if any, and the next that is scheduled."""

    active: Maintenance | None
    next: Maintenance | None
