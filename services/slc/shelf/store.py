"""The queue of channels whose quantities are computed anew because a day began."""

from chassis.entity import Value
from chassis.values import Id
from chassis.work.queue import WorkQueue


class ShelfDates(Value):
    """Which channel."""

    channel_id: Id


class ShelfPassed(Value):
    """The last row looked at."""

    row_id: str = ""


SHELF_DATES: WorkQueue[ShelfDates] = WorkQueue(
    "slc", "shelf-dates", payload=ShelfDates, progress=ShelfPassed, attempts_max=20, delay_seconds_max=300.0
)
"""Channels to look through, a hundred variants at a time: key `<channel_id>`."""
