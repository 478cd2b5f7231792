"""Running jobs: each by one replica at a time, under a lease that is renewed while it runs.

A job may be cut off at any point, when its process dies or its lease is lost, and run again elsewhere.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from math import inf
from time import monotonic
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.clock import Clock, Utc, from_seconds, later, seconds_between, to_seconds
from chassis.errors import InternalError, NotFound, Refusal, StillRunning, Unavailable
from chassis.gate import Gate
from chassis.ids import new_id
from chassis.jobs.declaration import DAY_SECONDS, Job
from chassis.jobs.params import read_params
from chassis.jobs.state import JOB_STATES, JobState, JobStats, JobStatus
from chassis.mongo.leases import Leases
from chassis.provided import Provided
from chassis.telemetry.log import get_logger
from chassis.telemetry.trace import Scope, enter, leave, span
from chassis.unit import Change, Units, View

LEASE_SECONDS = 30.0
RENEW_SECONDS = LEASE_SECONDS / 3
TICK_SECONDS_MAX = 1.0
TICK_SECONDS_MIN = 0.05
LOOK_SECONDS = 2.0
"""How long something to do that another replica has committed may remain unseen."""

LOOK_ALONE_SECONDS = 10.0
"""The same where there is no other replica."""

STATE_BYTES_MAX = 16 * 1024
"""A longer answer is returned to the caller, but not stored in the job's state."""

log = get_logger("chassis.jobs")


class JobRunner:
    """Runs this replica's share of the jobs."""

    def __init__(
        self,
        jobs: Sequence[Job],
        *,
        units: Units,
        leases: Leases,
        clock: Clock,
        gate: Gate,
        replica: str,
        provided: Provided | None = None,
        shared: Callable[[], bool] = lambda: True,
    ) -> None:
        self._jobs = {job.name: job for job in jobs}
        if len(self._jobs) < len(jobs):
            raise TypeError("two jobs have the same name")
        self._provided = provided or Provided()
        for job in jobs:
            self._provided.check(_who(job), job.asks)
        self._units = units
        self._leases = leases
        self._clock = clock
        self._gate = gate
        self._replica = replica
        self._shared = shared
        self._due: dict[str, Utc] = {}
        # Of jobs that say when they have something to do: when that may be asked again.
        self._asked: dict[str, Utc] = {}
        self._woken = asyncio.Event()
        self._running: dict[str, asyncio.Task[Struct]] = {}
        self._runs: Counter[str] = Counter()
        self._failures: Counter[str] = Counter()
        shortest = min((job.seconds for job in jobs if job.seconds and job.due is None), default=inf)
        self._tick_seconds = min(max(shortest / 4, TICK_SECONDS_MIN), TICK_SECONDS_MAX)
        self._ticker: asyncio.Task[None] | None = None

    @property
    def stats(self) -> list[JobStats]:
        """Counts since the start."""
        return [JobStats(name=name, runs=self._runs[name], failures=self._failures[name]) for name in self._jobs]

    async def start(self) -> None:
        """Start running jobs as they come due."""
        if not any(job.seconds for job in self._jobs.values()):
            return
        self._ticker = asyncio.create_task(self._tick_on(), name="jobs")

    async def stop(self, seconds: float = 5.0) -> None:
        """Start no more; wait for running jobs, and cancel them after the seconds."""
        if self._ticker is not None:
            self._ticker.cancel()
            await asyncio.gather(self._ticker, return_exceptions=True)
            self._ticker = None
        if running := list(self._running.values()):
            _, late = await asyncio.wait(running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def run(self, name: str, params: Mapping[str, Any], *, dry_run: bool, call: Call | None = None) -> Struct:
        """Run a job now; its answer. Raises `NotFound`, `Invalid` for its params, `StillRunning` here or elsewhere."""
        job = self._jobs.get(name)
        if job is None:
            raise NotFound(f"there is no job {name}", jobs=sorted(self._jobs))
        asked = read_params(job, params, dry_run=dry_run)
        return await self._run_alone(job, asked, call or self._call(job))

    async def status(self) -> list[JobStatus]:
        """Every job and its last run, on any replica."""
        states = await self._states()
        return [self._status(job, states.get(job.name)) for job in self._jobs.values()]

    def wake(self) -> None:
        """Something was committed: ask jobs soon whether they have something to do."""
        if self._asked:
            self._woken.set()

    async def tick(self) -> None:
        """Start what is due, unless a maintenance window is active."""
        now = self._clock.now()
        due = [job for job in self._jobs.values() if job.seconds and self._due.get(job.name, now) <= now]
        due = [job for job in due if job.name not in self._running]
        if not due or not self._gate.open:
            return
        due = await self._having_work(due, now)
        if not due:
            return
        states = await self._states()
        for job in due:
            state = states.get(job.name)
            # A job that never ran is due at the time that was found for it first.
            first = state is None and job.name in self._due
            next_utc = None if first else _next(job, state, now)
            if next_utc is not None and next_utc > now:
                self._due[job.name] = next_utc
                continue
            self._due[job.name] = later(now, job.seconds or 0)
            run = self._run_alone(job, job.params(), self._call(job), last=states.get(job.name))
            asyncio.create_task(run, name=f"job {job.name}").add_done_callback(_look)

    async def _having_work(self, jobs: Sequence[Job], now: Utc) -> list[Job]:
        """Those of the jobs that have something to do now, as far as they can tell."""
        asked = {job.name: job.due for job in jobs if job.due is not None}
        if not asked:
            return list(jobs)

        async def look(view: View) -> dict[str, Utc | None]:
            return dict(zip(asked, await view.together(due(view) for due in asked.values()), strict=True))

        times = await self._units.view(self._system("job.due"), look)
        found = []
        for job in jobs:
            if job.due is None:
                found.append(job)
                continue
            assert job.seconds is not None
            at = times[job.name]
            self._asked[job.name] = later(now, job.seconds)
            if at is not None and at <= now:
                found.append(job)
            else:
                again = later(now, max(job.seconds, LOOK_SECONDS if self._shared() else LOOK_ALONE_SECONDS))
                self._due[job.name] = again if at is None else min(again, at)
        return found

    async def _tick_on(self) -> None:
        while True:
            try:
                await self.tick()
            except Exception:
                # Keep ticking whatever happens to the database: jobs that are due stay due.
                log.exception("looking for jobs that are due failed")
            await self._pause()

    async def _pause(self) -> None:
        """Wait until the next look, or a moment after a commit."""
        seconds = self._tick_seconds
        if self._asked:
            next_utc = min(self._due.get(name, at) for name, at in self._asked.items())
            seconds = min(seconds, max(TICK_SECONDS_MIN, seconds_between(self._clock.now(), next_utc)))
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        if self._woken.is_set():
            self._woken.clear()
            for name, at in self._asked.items():
                self._due[name] = min(self._due.get(name, at), at)
            await asyncio.sleep(TICK_SECONDS_MIN)

    async def _run_alone(
        self, job: Job, params: Struct, call: Call, *, last: "JobState | UnsetType | None" = UNSET
    ) -> Struct:
        """Run the job under its lease. Raises `StillRunning` if another replica has it, or has run it since `last`."""
        if job.name in self._running:
            raise StillRunning(f"{job.name} is running")
        task = asyncio.current_task()
        assert task is not None, "a job is run by a task"
        self._running[job.name] = task
        try:
            async with self._leased(f"job/{job.name}") as lease:
                if last is not UNSET and (await self._states()).get(job.name) != last:
                    raise StillRunning(f"{job.name} has just been run by another replica")
                return await self._run_leased(job, params, call, lease)
        finally:
            del self._running[job.name]

    @asynccontextmanager
    async def _leased(self, lease: str) -> AsyncIterator[str]:
        """Hold the lease for the block. Raises `StillRunning` if another replica has it."""
        if lease not in await self._leases.take([lease], LEASE_SECONDS):
            raise StillRunning("another replica is running it")
        try:
            yield lease
        finally:
            try:
                await self._leases.give_back([lease])
            except Exception as cause:  # noqa: BLE001  it lapses by itself where the database cannot be told
                log.warning("the lease of a job could not be given back", lease=lease, reason=str(cause))

    async def _run_leased(self, job: Job, params: Struct, call: Call, lease: str) -> Struct:
        """Run the handler while the lease is renewed, and store the outcome."""
        state = JobState(name=job.name, started_utc=self._clock.now(), replica=self._replica)
        await self._keep(replace(state, running_until_utc=later(state.started_utc, LEASE_SECONDS)))
        self._runs[job.name] += 1
        task = asyncio.current_task()
        work = asyncio.ensure_future(self._work(job, params, call))
        renewing = asyncio.create_task(self._renew(state, lease, work))
        error: str | None = "cut off"
        answer: Struct | None = None
        try:
            answer = await work
            error = None
            return answer
        except asyncio.CancelledError as cause:
            if task is not None and task.cancelling():
                raise
            error = "cut off: the lease was lost"
            raise Unavailable(f"{job.name} was cut off: its lease was lost") from cause
        except Refusal as refusal:
            error = f"{refusal.tag}: {refusal.message}"
            raise
        except Exception as defect:
            # The job's state shows the defect to operators; the caller of a run by hand gets no details.
            error = f"{type(defect).__name__}: {defect}"
            log.exception("a job failed unexpectedly", job=job.name)
            raise InternalError from defect
        finally:
            work.cancel()
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            self._failures[job.name] += error is not None
            ended = replace(state, ended_utc=self._clock.now(), answer=_text(answer), error=error)
            try:
                await self._keep(ended)
            except Exception as cause:  # noqa: BLE001  the state is for operators; the job has ended either way
                log.warning("how a job ended could not be kept", job=job.name, reason=str(cause))

    async def _work(self, job: Job, params: Struct, call: Call) -> Struct:
        """Run the handler under the job's name in log and trace."""
        scope = enter(Scope(request_id=call.request_id, call=f"{job.service}.job.{job.name}"))
        try:
            with span(job.name, traceparent=call.traceparent):
                asked = self._provided.arguments(_who(job), job.asks)
                return await job.handler(self._units, call, params, **asked)
        finally:
            leave(scope)

    async def _renew(self, state: JobState, lease: str, work: "asyncio.Future[Struct]") -> None:
        """Renew the lease while the work runs; cancel the work if the lease is lost."""
        held_until = monotonic() + LEASE_SECONDS
        while monotonic() < held_until:
            await asyncio.sleep(RENEW_SECONDS)
            began = monotonic()
            try:
                if lease not in await self._leases.take([lease], LEASE_SECONDS):
                    break
                held_until = began + LEASE_SECONDS
                await self._keep(replace(state, running_until_utc=later(self._clock.now(), LEASE_SECONDS)))
            except Exception as cause:  # noqa: BLE001  the database may be back before the lease has lapsed
                log.warning("the lease of a job could not be renewed", job=state.name, reason=str(cause))
        log.error("a job is cut off: its lease was lost", job=state.name)
        work.cancel()

    async def _states(self) -> dict[str, JobState]:
        async def read(view: View) -> dict[str, JobState]:
            return await view.get_many(JOB_STATES, list(self._jobs))

        return await self._units.view(self._system("job.states"), read)

    async def _keep(self, state: JobState) -> None:
        async def write(change: Change) -> None:
            known = await change.get(JOB_STATES, state.name)
            await (change.insert if known is None else change.update)(JOB_STATES, state)

        await self._units.change(self._system("job.state"), write)

    def _status(self, job: Job, state: JobState | None) -> JobStatus:
        now = self._clock.now()
        running_until = state.running_until_utc if state else None
        return JobStatus(
            name=job.name,
            summary=job.summary,
            params=[field.name for field in msgspec.structs.fields(job.params)],
            every_seconds=job.seconds,
            running=running_until is not None and running_until > now,
            replica=state.replica if state else "",
            last_started_utc=state.started_utc if state else None,
            last_ended_utc=state.ended_utc if state else None,
            last_answer=state.answer if state else None,
            last_error=state.error if state else None,
            next_utc=_next(job, state, now) or (now if job.seconds else None),
        )

    def _call(self, job: Job) -> Call:
        return self._system(f"{job.service}.job.{job.name}")

    def _system(self, name: str) -> Call:
        now = self._clock.now()
        return Call(caller=SYSTEM, name=name, request_id=new_id(now), started_utc=now)


def _who(job: Job) -> str:
    return f"job {job.name}"


def _next(job: Job, state: JobState | None, now: Utc) -> Utc | None:
    """When a job is due next; None if never, or at once."""
    if job.at_seconds is not None:
        return _next_daily(state.started_utc if state else now, job.at_seconds)
    return later(state.started_utc, job.seconds) if job.seconds and state else None


def _next_daily(after: Utc, at_seconds: float) -> Utc:
    """The first moment later than `after` that is so many seconds past midnight UTC."""
    seconds = to_seconds(after)
    today = seconds // DAY_SECONDS * DAY_SECONDS + at_seconds
    return from_seconds(today if today > seconds else today + DAY_SECONDS)


def _text(answer: Struct | None) -> str | None:
    """An answer as it is stored."""
    if answer is None:
        return None
    text = msgspec.json.encode(answer)
    return text.decode() if len(text) <= STATE_BYTES_MAX else None


def _look(task: "asyncio.Task[Struct]") -> None:
    """Retrieve a run's exception, which is logged already, so that asyncio does not report it."""
    if not task.cancelled():
        task.exception()
