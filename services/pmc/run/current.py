"""A run as it is now, and why it cannot be stepped."""

from chassis.caller import Call
from chassis.errors import ExpectedRevisionRequired, InvalidState, NotFound, StaleRevision
from chassis.unit import Change, Units, View
from services.pmc.run.domain import StoredRun
from services.pmc.run.store import RUNS


async def load_run(units: Units, call: Call, run_id: str) -> StoredRun:
    """A run. Raises `NotFound`."""

    async def look(view: View) -> StoredRun:
        run = await view.get(RUNS, run_id)
        if run is None:
            raise NotFound("there is no such run")
        return run

    return await units.view(call, look)


def check_steppable(run: StoredRun, expected: int | None) -> None:
    """Raise where the run is not running, whatever the revision; then where the revision is missing or stale."""
    if run.status != "running":
        raise InvalidState(f"the run is {run.status}", status=run.status)
    if expected is None:
        raise ExpectedRevisionRequired(run.revision)
    if expected != run.revision:
        raise stale(run)


def stale(run: StoredRun) -> StaleRevision:
    """The refusal of a step whose run another call has changed."""
    refusal = StaleRevision(run.revision)
    refusal.details["status"] = run.status
    return refusal


async def current_run(change: Change, run: StoredRun) -> StoredRun:
    """The run, still as it was read. Raises `StaleRevision`, or `InvalidState` where it has ended."""
    current = await change.load(RUNS, run.run_id)
    if current.revision != run.revision:
        if current.status != "running":
            raise InvalidState(f"the run is {current.status}", status=current.status)
        raise stale(current)
    return current
