"""Erasing what deleted channels left behind, and forgetting shops that asked for it."""

from chassis.unit import Units
from chassis.work.handle import Work
from chassis.work.queue import Continue, NoPayload, Workers
from services.slc.lifecycle.erasing import OWNED, REDACTED, erase_owned
from services.slc.lifecycle.store import ERASURES

RUN_SECONDS = 5.0

workers = Workers("slc")


@workers.on(ERASURES, concurrency=1)
async def erase(units: Units, work: Work[NoPayload]) -> Continue | None:
    """Erase what is left of a channel."""
    owned = REDACTED if work.key.startswith("maps/") else OWNED
    _, done = await erase_owned(units, work.call, work.key.removeprefix("maps/"), RUN_SECONDS, owned)
    return None if done else Continue()
