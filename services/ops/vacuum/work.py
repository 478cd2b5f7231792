"""The worker of vacuums under way."""

from chassis.unit import Units
from chassis.work.handle import Work
from chassis.work.queue import Continue, NoPayload, Workers
from services.ops.vacuum.runner import VacuumRunner
from services.ops.vacuum.store import VACUUM_WORK

RUN_SECONDS_MAX = 24 * 3600.0
"""A vacuum of everything may take hours; what it has done so far is kept in its record."""

workers = Workers("ops")


@workers.on(VACUUM_WORK, concurrency=2, run_seconds_max=RUN_SECONDS_MAX)
async def vacuum(units: Units, work: Work[NoPayload], runner: VacuumRunner) -> Continue | None:
    """Go on with vacuums under way, one after the other. What fails is handed over again by the sweep."""
    del units
    for part in work.parts:
        if work.should_stop:
            return Continue()
        await runner.worker.work(work, part.key)
    return None
