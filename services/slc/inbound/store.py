"""The queue of webhooks about anything but orders."""

from chassis.entity import Value
from chassis.values import Id, Utc
from chassis.work.queue import WorkQueue
from services.slc.inbound.topics import What


class DoorbellToAnswer(Value):
    """What a webhook says has happened. `available` is used for nothing but telling an echo."""

    channel_id: Id
    what: What
    resource_id: str
    location_id: str | None = None
    available: int | None = None
    triggered_utc: Utc | None = None
    received_utc: Utc | None = None


DOORBELLS_TO_ANSWER: WorkQueue[DoorbellToAnswer] = WorkQueue("slc", "doorbells", payload=DoorbellToAnswer)
"""Webhooks to look at: key `<channel_id>/<what>/<number of the thing>`; those of one thing that wait are one, but each
quantity of a level is looked at by itself."""
