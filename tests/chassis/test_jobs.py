"""Jobs: run when due, by one replica at a time, by hand too; and how the last run went is there for all to see."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import pytest

from chassis.caller import SYSTEM, Call
from chassis.clock import FixedClock, SystemClock, Utc, later
from chassis.entity import Value
from chassis.errors import Forbidden, InternalError, Invalid, InvalidState, NotFound, StillRunning, Unavailable
from chassis.gate import Gate, GateWindow
from chassis.jobs import execution
from chassis.jobs.declaration import Job, Jobs, NoParams
from chassis.jobs.params import read_params
from chassis.jobs.runner import LOOK_SECONDS, JobRunner
from chassis.jobs.state import JOB_STATES, JobStatus
from chassis.mongo.client import Database
from chassis.mongo.leases import Leases
from chassis.mongo.unit import MongoUnits
from chassis.rpc.context import acting_for
from chassis.rpc.jobs import JobsServicer
from chassis.unit import Units, View
from chassis.values import Orgcode
from retailstack.chassis.v1 import jobs_pb2 as pb
from tests.chassis.bus_given import a_call, eventually
from tests.waiting import stretched

NOON = Utc("2026-03-01T12:00:00.000Z")


class SweepParams(Value):
    """What a sweep may be told."""

    orgcode: Orgcode | None = None
    limit: int = 50
    dry_run: bool = False


class Swept(Value):
    """What a sweep answers."""

    limit: int
    dry_run: bool


class Sweep:
    """A job that notes its runs, and may be held up or fail."""

    def __init__(self, seconds: float | None = 15.0) -> None:
        self.runs: list[tuple[Call, SweepParams]] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.failure: Exception | None = None
        jobs = Jobs("test")

        async def sweep(units: Units, call: Call, params: SweepParams) -> Swept:
            """Sweep what lies about."""
            self.runs.append((call, params))
            await self.go_on.wait()
            if self.failure is not None:
                raise self.failure
            return Swept(limit=params.limit, dry_run=params.dry_run)

        if seconds is None:
            jobs.by_hand(name="sweep", params=SweepParams)(sweep)
        else:
            jobs.every(seconds=seconds, name="sweep", params=SweepParams)(sweep)
        self.declared = jobs.declared


@pytest.fixture
async def database(mongodb_uri: str, database_name: str) -> AsyncIterator[Database]:
    database = await Database.connect(mongodb_uri, database_name)
    yield database
    await database.close()


@pytest.fixture
async def units(database: Database) -> AsyncIterator[MongoUnits]:
    units = MongoUnits(database, [JOB_STATES], SystemClock(), "/test")
    await units.start()
    yield units
    await units.stop()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


class Replicas:
    """Runners of the same jobs, as several replicas have them."""

    def __init__(self, database: Database, units: MongoUnits, clock: FixedClock) -> None:
        self.database, self.units, self.clock = database, units, clock
        self.gate = Gate(clock)

    def one(self, jobs: list[Job], name: str = "one") -> JobRunner:
        """A replica."""
        leases = Leases(self.database, self.clock, name)
        return JobRunner(jobs, units=self.units, leases=leases, clock=self.clock, gate=self.gate, replica=name)


@pytest.fixture
def replicas(database: Database, units: MongoUnits, clock: FixedClock) -> Replicas:
    return Replicas(database, units, clock)


async def status_of(runner: JobRunner) -> JobStatus:
    """How the only job is doing."""
    (status,) = await runner.status()
    return status


async def idle(runner: JobRunner) -> bool:
    """Whether the only job has ended and is not running."""
    status = await status_of(runner)
    return not status.running and status.last_ended_utc is not None


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


@pytest.mark.parametrize("given", [{"limit": "many"}, {"colour": "red"}])
def test_params_that_do_not_fit_are_refused_by_name(given: dict[str, str]) -> None:
    with pytest.raises(Invalid) as refused:
        read_params(Sweep().declared[0], given, dry_run=False)

    assert [field.path for field in refused.value.details["fields"]] == list(given)


def test_params_are_read_as_leniently_as_a_query() -> None:
    read = read_params(Sweep().declared[0], {"limit": "7", "orgcode": "acme"}, dry_run=True)

    assert read == SweepParams(orgcode="ACME", limit=7, dry_run=True)


def test_a_job_that_knows_no_dry_run_refuses_one() -> None:
    jobs = Jobs("test")

    @jobs.every(seconds=5, name="plain")
    async def plain(units: Units, call: Call, params: Value) -> Value:
        """Do something."""
        return params

    with pytest.raises(Invalid, match="dry"):
        read_params(jobs.declared[0], {}, dry_run=True)


def test_a_job_says_what_it_does() -> None:
    with pytest.raises(TypeError, match="docstring"):

        @Jobs("test").every(seconds=5, name="mute")
        async def mute(units: Units, call: Call, params: Value) -> Value:
            return params


class Quiet:
    """A job that has something to do only when it says so."""

    def __init__(self, seconds: float = 1.0) -> None:
        self.at: Utc | None = None
        self.asked = self.runs = 0
        jobs = Jobs("test")

        async def due(_: View) -> Utc | None:
            self.asked += 1
            return self.at

        @jobs.every(seconds=seconds, name="quiet", due=due)
        async def quiet(units: Units, call: Call, params: NoParams) -> Swept:
            """Do what there is to do."""
            self.runs += 1
            return Swept(limit=0, dry_run=False)

        self.declared = jobs.declared


async def test_a_job_with_nothing_to_do_does_not_run(replicas: Replicas, clock: FixedClock) -> None:
    quiet = Quiet()
    runner = replicas.one(quiet.declared)
    for _ in range(3):
        await runner.tick()
        clock.advance(LOOK_SECONDS)
    assert (quiet.runs, (await status_of(runner)).last_started_utc) == (0, None)
    quiet.at = clock.now()
    await runner.tick()
    await eventually(lambda: idle(runner))
    assert quiet.runs == 1


async def test_it_is_asked_again_when_it_comes_due_and_otherwise_rarely(replicas: Replicas, clock: FixedClock) -> None:
    quiet = Quiet()
    runner = replicas.one(quiet.declared)
    quiet.at = later(clock.now(), 0.5)
    await runner.tick()
    for seconds in (0.4, 0.1):
        assert (quiet.asked, quiet.runs) == (1, 0)
        clock.advance(seconds)
        await runner.tick()
    await eventually(lambda: idle(runner))
    assert quiet.runs == 1


async def test_a_commit_of_this_process_makes_it_ask_at_once(replicas: Replicas, clock: FixedClock) -> None:
    quiet = Quiet(seconds=0.25)
    runner = replicas.one(quiet.declared)
    await runner.start()
    try:
        await eventually(lambda: quiet.asked == 1)
        quiet.at = clock.now()
        clock.advance(0.25)  # less than the time after which it is asked anyway
        runner.wake()
        await eventually(lambda: quiet.runs == 1)
    finally:
        await runner.stop()
