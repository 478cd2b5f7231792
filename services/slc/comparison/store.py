"""The queue of channels to compare with their shops."""

from chassis.clock import Utc
from chassis.entity import Value
from chassis.values import Id
from chassis.work.queue import WorkQueue
from services.slc.drift.domain import Trigger


class DriftAsked(Value):
    """Which channel is compared, under which report, and what began it."""

    channel_id: Id
    report_id: Id
    trigger: Trigger


class DriftPassed(Value):
    """How far a comparison is: when it began, whether orders are caught up, and the last row compared."""

    began_utc: Utc
    report_id: Id
    caught_up: bool = False
    row_id: str = ""


CHANNELS_TO_COMPARE: WorkQueue[DriftAsked] = WorkQueue(
    "slc", "drift", payload=DriftAsked, progress=DriftPassed, attempts_max=20, delay_seconds_max=120.0
)
"""Channels to compare with their shops, a page of variants at a time: key `<channel_id>`."""
