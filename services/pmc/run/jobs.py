"""The jobs of runs: start scheduled ones, step those that the service drives, fail abandoned ones."""

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Clock, Utc
from chassis.entity import Value
from chassis.errors import Conflict, InvalidState, Refusal
from chassis.gate import Gate
from chassis.jobs.declaration import Jobs, NoParams
from chassis.jobs.orgs import within
from chassis.telemetry.log import get_logger
from chassis.unit import Change, Units, View
from services.pmc.objects.port import ObjectStore
from services.pmc.profile.store import all_profiles
from services.pmc.profile.store import to_answer as profile_answer
from services.pmc.rollup.store import add_to_org
from services.pmc.run.domain import STEP_ITEMS_MAX, RunFailure, StoredRun, failed, started, to_answer
from services.pmc.run.ending import ended
from services.pmc.run.manifest import end_early
from services.pmc.run.starting import insert_profiles
from services.pmc.run.step import step
from services.pmc.run.store import RUNS, abandoned_runs, driven_runs, due_runs, first_driven, running_on

jobs = Jobs("pmc")

DRIVE_SECONDS = 10.0
ABANDON_SECONDS = 300.0
STEPS_AT_ONCE_MAX = 50
"""Steps of one run before the driver goes on to the next run."""

RUN_END_EVENTS = ("pmc.run.started", "pmc.run.failed")

log = get_logger("services.pmc.run")


class Driven(Value):
    """What the driver did: runs started, runs failed because a channel was taken, and steps."""

    started: int = 0
    failed: int = 0
    steps: int = 0


@jobs.every(seconds=DRIVE_SECONDS, name="run_driver", due=first_driven)
async def run_driver(
    units: Units, call: Call, params: NoParams, store: ObjectStore, clock: Clock, gate: Gate
) -> Driven:
    """Start scheduled runs that are due, and step the runs that the service drives to their end."""
    del params
    done = Driven()
    for run in await _found(units, call, clock.now(), due=True):
        if not gate.is_closed_for(run.orgcode):
            begun = await _begin(units, within(call, run.orgcode), run)
            done = replace(done, started=done.started + (begun == "running"), failed=done.failed + (begun == "failed"))
    waiting = await _found(units, call, clock.now(), due=False)
    while waiting and gate.open:
        going: list[StoredRun] = []
        for run in waiting:
            if gate.is_closed_for(run.orgcode):
                continue
            after, steps = await _drive(units, in_name_of(call, run), store, clock, run)
            done = replace(done, steps=done.steps + steps)
            if after is not None and after.status == "running" and steps:
                going.append(after)
        waiting = going
    return done


def in_name_of(call: Call, run: StoredRun) -> Call:
    """The call, made by the run's creator in its org."""
    own = within(call, run.orgcode)
    return replace(own, caller=replace(own.caller, actor=run.created_by))


async def _found(units: Units, call: Call, now: Utc, *, due: bool) -> list[StoredRun]:
    async def look(view: View) -> list[StoredRun]:
        everywhere = view.every_org()
        return await (due_runs(everywhere, now) if due else driven_runs(everywhere))

    return await units.view(call, look)


async def _begin(units: Units, call: Call, run: StoredRun) -> str:
    """Start a scheduled run, or fail it where a running run has one of its channels; its status after that."""

    async def write(change: Change) -> str:
        current = await change.load(RUNS, run.run_id)
        if current.status != "scheduled":
            return ""
        codes = current.selector.channel_codes
        other = None if current.dry_run else await running_on(change, codes)
        if other is not None:
            failure = RunFailure(code="busy", message="a running run has one of the channels", run_id=other.run_id)
            return (await ended(change, current, failed(current, failure, change.now))).status
        profiles = {each.channel_code: profile_answer(each) for each in await all_profiles(change)}
        await insert_profiles(change, current.run_id, [profiles[code] for code in codes])
        kept = await change.update(RUNS, started(current, change.now), actor=current.created_by)
        await add_to_org(change, runs_scheduled=-1, runs_running=1)
        change.emit("pmc.run.started", kept.run_id, run=to_answer(kept))
        return kept.status

    try:
        return await units.change(in_name_of(call, run), write, emits=RUN_END_EVENTS)
    except Conflict:
        # Another replica's run took a channel at the same moment: the next turn finds it.
        return ""


async def _drive(
    units: Units, call: Call, store: ObjectStore, clock: Clock, run: StoredRun
) -> tuple[StoredRun | None, int]:
    """Step a run at most `STEPS_AT_ONCE_MAX` times: the run after that (None if it cannot go on now), and the steps."""
    for done in range(STEPS_AT_ONCE_MAX):
        try:
            run = (await step(units, call, store, clock, run.run_id, run.revision, STEP_ITEMS_MAX)).run
        except (Conflict, InvalidState):
            return None, done
        except Refusal as refusal:
            log.warning("a run could not be stepped", run_id=run.run_id, reason=refusal.message)
            return None, done
        if run.status != "running":
            return run, done + 1
    return run, STEPS_AT_ONCE_MAX


class Abandoned(Value):
    """Runs that were failed because nobody stepped them."""

    failed: int = 0


@jobs.every(seconds=ABANDON_SECONDS, name="run_abandon")
async def run_abandon(
    units: Units, call: Call, params: NoParams, store: ObjectStore, clock: Clock, gate: Gate
) -> Abandoned:
    """Fail running runs that were not stepped for a day, once their last part is stored."""
    del params
    # Not within the view: each of its runs would ask for something new.
    now = clock.now()

    async def look(view: View) -> list[StoredRun]:
        return await abandoned_runs(view.every_org(), now)

    count = 0
    for run in await units.view(call, look):
        if not gate.is_closed_for(run.orgcode):
            count += await _abandon(units, within(call, run.orgcode), store, run)
    return Abandoned(failed=count)


async def _abandon(units: Units, call: Call, store: ObjectStore, run: StoredRun) -> bool:
    failure = RunFailure(code="abandoned", message="the run was not stepped for 24 hours")

    def fail(current: StoredRun, now: Utc) -> StoredRun:
        return failed(current, failure, now)

    try:
        return (await end_early(units, call, store, run, fail, ("pmc.run.failed",))).status == "failed"
    except (Conflict, InvalidState):
        # Another call has stepped or ended it meanwhile.
        return False
    except Refusal as refusal:
        log.warning("the last part of an abandoned run waits", run_id=run.run_id, reason=refusal.message)
        return False
