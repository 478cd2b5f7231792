"""The queue of variants that are looked at when a time has come."""

from chassis.entity import Value
from chassis.work.queue import WorkQueue


class Timed(Value):
    """Which variant of which channel."""

    row_id: str


TIMED: WorkQueue[Timed] = WorkQueue("slc", "timed", payload=Timed)
"""Variants whose quantities change at a known time: key `<channel_id>/<variant_id>/<time>`."""
