"""Jobs: run when due or by hand, by one replica at a time; their status tells how the last run went."""

import asyncio
from functools import partial

import pytest

from chassis.caller import SYSTEM, Call
from chassis.clock import FixedClock, SystemClock, Utc, later
from chassis.entity import Value
from chassis.errors import Forbidden, InternalError, InvalidState, NotFound, StillRunning, Unavailable
from chassis.gate import Gate, GateWindow
from chassis.jobs import execution
from chassis.jobs.declaration import Jobs
from chassis.jobs.runner import JobRunner
from chassis.mongo.client import Database
from chassis.mongo.leases import Leases
from chassis.mongo.unit import MongoUnits
from chassis.rpc.context import acting_for
from chassis.rpc.jobs import JobsServicer
from chassis.unit import Units
from retailstack.chassis.v1 import jobs_pb2 as pb
from tests.chassis.bus_given import a_call, eventually
from tests.chassis.jobs.given import NOON, Replicas, Sweep, SweepParams, Swept, idle, status_of
from tests.waiting import stretched


async def test_a_job_runs_when_it_is_due_and_not_before(replicas: Replicas, clock: FixedClock) -> None:
    sweep = Sweep(seconds=15)
    runner = replicas.one(sweep.declared)

    for seconds in (0.0, 14.0, 1.0):
        clock.advance(seconds)
        await runner.tick()
        await eventually(lambda: idle(runner))
    await eventually(lambda: len(sweep.runs) == 2)
    await eventually(lambda: idle(runner))

    status = await status_of(runner)
    assert status.last_started_utc == later(NOON, 15)
    assert status.next_utc == later(NOON, 30)
    assert status.last_answer == '{"limit":50,"dry_run":false}'
    assert (status.summary, status.params) == ("Sweep what lies about.", ["orgcode", "limit", "dry_run"])
    assert sweep.runs[0][0].caller == SYSTEM
    assert runner.stats[0].runs == 2


def has_run(runs: list[Utc], times: int) -> bool:
    return len(runs) == times


async def test_a_daily_job_waits_for_its_hour_and_runs_once_a_day(replicas: Replicas, clock: FixedClock) -> None:
    runs: list[Utc] = []
    jobs = Jobs("test")

    @jobs.daily(hour=14, name="sweep", params=SweepParams)
    async def sweep(units: Units, call: Call, params: SweepParams) -> Swept:
        """Sweep once a day."""
        runs.append(clock.now())
        return Swept(limit=params.limit, dry_run=params.dry_run)

    runner = replicas.one(jobs.declared)

    async def ticked(times: int) -> bool:
        # The clock stands still meanwhile; a runner that was busy looks again, as it does every second.
        await runner.tick()
        return has_run(runs, times)

    # Noon, 13:59, 14:00, 15:00 and 14:00 of the next day.
    for seconds, ran in ((0.0, 0), (7140.0, 0), (60.0, 1), (3600.0, 1), (82_800.0, 2)):
        clock.advance(seconds)
        await eventually(partial(ticked, ran))
        if runs:
            await eventually(lambda: idle(runner))
    assert runs == [later(NOON, 7200), later(NOON, 93_600)]


async def test_of_two_replicas_one_runs_a_job_that_is_due(replicas: Replicas) -> None:
    sweep = Sweep()
    one, two = replicas.one(sweep.declared, "one"), replicas.one(sweep.declared, "two")

    await asyncio.gather(one.tick(), two.tick())
    await eventually(lambda: idle(one))
    await asyncio.gather(one.tick(), two.tick())

    assert len(sweep.runs) == 1
    assert (await status_of(two)).replica == (await status_of(one)).replica


async def test_a_started_runner_runs_its_jobs_by_itself(database: Database, units: MongoUnits) -> None:
    clock, sweep = SystemClock(), Sweep(seconds=0.2)
    leases = Leases(database, clock, "one")
    runner = JobRunner(sweep.declared, units=units, leases=leases, clock=clock, gate=Gate(clock), replica="one")
    await runner.start()
    await eventually(lambda: len(sweep.runs) >= 2)
    await runner.stop()


async def test_a_job_runs_by_hand_with_params_given_as_text(replicas: Replicas) -> None:
    sweep = Sweep(seconds=None)
    runner = replicas.one(sweep.declared)

    answer = await runner.run("sweep", {"limit": "5", "orgcode": "ACME"}, dry_run=True)

    assert answer == Swept(limit=5, dry_run=True)
    assert sweep.runs[0][1] == SweepParams(orgcode="ACME", limit=5, dry_run=True)
    await runner.tick()
    assert len(sweep.runs) == 1
    assert (await status_of(runner)).next_utc is None


async def test_a_run_by_hand_is_refused_while_the_job_runs_anywhere(replicas: Replicas) -> None:
    sweep = Sweep()
    sweep.go_on.clear()
    one, two = replicas.one(sweep.declared, "one"), replicas.one(sweep.declared, "two")
    running = asyncio.create_task(one.run("sweep", {}, dry_run=False))
    await eventually(lambda: sweep.runs)

    for runner in (one, two):
        assert (await status_of(runner)).running
        with pytest.raises(StillRunning):
            await runner.run("sweep", {}, dry_run=False)

    sweep.go_on.set()
    await running
    assert not (await status_of(two)).running


@pytest.mark.parametrize(
    ("failure", "raised", "kept"),
    [
        (InvalidState("the floor is wet"), InvalidState, "invalid-state: the floor is wet"),
        (RuntimeError("a defect"), InternalError, "RuntimeError: a defect"),
    ],
)
async def test_why_a_job_failed_is_kept(
    replicas: Replicas, failure: Exception, raised: type[Exception], kept: str
) -> None:
    sweep = Sweep()
    sweep.failure = failure
    runner = replicas.one(sweep.declared)

    with pytest.raises(raised):
        await runner.run("sweep", {}, dry_run=False)

    status = await status_of(runner)
    assert (status.last_error, status.last_answer, status.running) == (kept, None, False)
    assert runner.stats[0].failures == 1


async def test_jobs_pause_during_a_maintenance_window_but_for_those_run_by_hand(replicas: Replicas) -> None:
    sweep = Sweep()
    runner = replicas.one(sweep.declared)
    replicas.gate.close(GateWindow(maintenance_id="m", expected_end_utc=later(NOON, 600)))

    await runner.tick()
    assert not sweep.runs
    await runner.run("sweep", {}, dry_run=False)
    assert len(sweep.runs) == 1


async def test_stopping_lets_a_job_end_and_cuts_off_one_that_does_not(replicas: Replicas) -> None:
    sweep = Sweep()
    sweep.go_on.clear()
    runner = replicas.one(sweep.declared)
    await runner.tick()
    await eventually(lambda: sweep.runs)

    await runner.stop(0.05)

    assert (await status_of(runner)).last_error == "cut off"
    other = replicas.one(sweep.declared, "two")
    sweep.go_on.set()
    await other.run("sweep", {}, dry_run=False)
    assert (await status_of(other)).last_error is None


async def test_a_job_whose_lease_is_lost_is_cut_off(
    replicas: Replicas, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(execution, "RENEW_SECONDS", 0.05)
    sweep = Sweep()
    sweep.go_on.clear()
    runner = replicas.one(sweep.declared)
    running = asyncio.create_task(runner.run("sweep", {}, dry_run=False))
    await eventually(lambda: sweep.runs)

    clock.advance(execution.LEASE_SECONDS + 1)
    assert await Leases(replicas.database, clock, "two").take(["job/sweep"], 60.0)

    with pytest.raises(Unavailable, match="lease"):
        await asyncio.wait_for(running, stretched(10.0))


async def test_the_operator_lists_and_runs_jobs_over_grpc(replicas: Replicas) -> None:
    servicer = JobsServicer(replicas.one(Sweep().declared))
    with acting_for(a_call(caller=SYSTEM)):
        ran = await servicer.Run(pb.RunJobRequest(job="sweep", params={"limit": "7"}), None)
        listed = await servicer.List(pb.ListJobsRequest(), None)

    assert ran.answer == '{"limit":7,"dry_run":false}'
    assert [(job.name, job.every_seconds, job.last_answer) for job in listed.jobs] == [("sweep", 15.0, ran.answer)]
    with acting_for(a_call()), pytest.raises(Forbidden):
        await servicer.List(pb.ListJobsRequest(), None)


async def test_an_unknown_job_is_not_found(replicas: Replicas) -> None:
    with pytest.raises(NotFound):
        await replicas.one([]).run("nothing", {}, dry_run=False)


def test_a_job_says_what_it_does() -> None:
    with pytest.raises(TypeError, match="docstring"):

        @Jobs("test").every(seconds=5, name="mute")
        async def mute(units: Units, call: Call, params: Value) -> Value:
            return params
