"""Storing a changed run. If it has ended: the event, the org's totals, and the mark at the run it undoes."""

from msgspec.structs import replace

from chassis.unit import Change
from services.pmc.rollup.store import add_to_org
from services.pmc.run.domain import StoredRun, to_answer
from services.pmc.run.store import RUNS


async def ended(change: Change, before: StoredRun, after: StoredRun) -> StoredRun:
    """The changed run as stored. If it has ended, this emits the event, counts it, and marks the run it undoes."""
    kept = await change.update(RUNS, after, after.cancel_reason)
    if after.status in {"completed", "cancelled", "failed"} and before.status in {"scheduled", "running"}:
        change.emit(f"pmc.run.{after.status}", kept.run_id, run=to_answer(kept))
        was_running = int(before.status == "running")
        await add_to_org(change, runs_running=-was_running, runs_scheduled=was_running - 1, runs_finished=1)
        if after.status == "completed" and after.undo_of is not None and not after.dry_run:
            undone = await change.load(RUNS, after.undo_of)
            await change.update(RUNS, replace(undone, undone_by=kept.run_id))
    return kept
