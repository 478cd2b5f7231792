"""A step of a run: work out the next items, write them in one transaction, store the manifest parts that are due.

Nothing is locked while items are worked out. The transaction holds if the run and every product are as they were read;
where a product has changed meanwhile, the items are worked out again.
"""

from time import monotonic

from chassis.caller import Call
from chassis.clock import Clock, Utc
from chassis.entity import Value
from chassis.unit import Units
from services.pmc.objects.port import ObjectStore, StoreDown
from services.pmc.run.current import check_steppable, load_run, stale
from services.pmc.run.domain import (
    PART_LINES,
    STEP_SECONDS_MAX,
    RunFailure,
    RunOutcomes,
    StoredRun,
    due_lines,
    failed,
)
from services.pmc.run.events import RUN_EVENTS
from services.pmc.run.manifest import end_early, store_due_parts
from services.pmc.run.outcomes import Done
from services.pmc.run.working import PackLost, work_out
from services.pmc.run.writing import write_step

TRIES_MAX = 10


class Stepped(Value):
    """The run after a step, and what the step did."""

    run: StoredRun
    outcomes: RunOutcomes
    items: int


async def step(
    units: Units, call: Call, store: ObjectStore, clock: Clock, run_id: str, expected: int | None, max_items: int
) -> Stepped:
    """Do the next items of a run. Raises `InvalidState`, `StaleRevision`, `StoreDown`."""
    until = monotonic() + STEP_SECONDS_MAX
    run = await load_run(units, call, run_id)
    check_steppable(run, expected)
    items: list[Done] = []
    if run.processed - run.manifest_lines >= PART_LINES:
        run = await _with_parts(units, call, store, run, at_most=1)
    if run.status == "running" and (run.remaining or not due_lines(run)):
        run, items = await _write_items(units, call, store, clock, run, max_items, until)
    if run.status == "running":
        run = await _with_parts(units, call, store, run, at_most=2)
    outcomes = RunOutcomes.of([each.line.outcome for each in items])
    return Stepped(run=run, outcomes=outcomes, items=len(items))


async def _with_parts(units: Units, call: Call, store: ObjectStore, run: StoredRun, *, at_most: int) -> StoredRun:
    """Store the parts that are due; if the store fails, `StoreDown` has the run's `current_revision`."""
    try:
        return await store_due_parts(units, call, store, run, at_most=at_most)
    except StoreDown as failure:
        current = await load_run(units, call, run.run_id)
        raise StoreDown("a manifest part could not be stored", current_revision=current.revision) from failure


async def _write_items(
    units: Units, call: Call, store: ObjectStore, clock: Clock, run: StoredRun, max_items: int, until: float
) -> tuple[StoredRun, list[Done]]:
    for _ in range(TRIES_MAX):
        try:
            worked = await work_out(units, call, run, max_items, until, clock.now())
        except PackLost:
            return await _lose_pack(units, call, store, run), []
        after = await write_step(units, call, run, worked)
        if after is not None:
            return after, worked.done
    raise stale(await load_run(units, call, run.run_id))


async def _lose_pack(units: Units, call: Call, store: ObjectStore, run: StoredRun) -> StoredRun:
    failure = RunFailure(code="pack-lost", message="the pack version cannot be read any more")

    def fail(current: StoredRun, now: Utc) -> StoredRun:
        return failed(current, failure, now)

    return await end_early(units, call, store, run, fail, RUN_EVENTS)
