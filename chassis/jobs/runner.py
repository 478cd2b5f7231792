"""Running jobs when they are due or on request: each by one replica at a time.

A job may be cut off at any point, when its process dies or its lease is lost, and run again elsewhere.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from math import inf
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from chassis.caller import Call
from chassis.clock import Clock, Utc, from_seconds, later, seconds_between, to_seconds
from chassis.errors import NotFound, StillRunning
from chassis.gate import Gate
from chassis.jobs.declaration import DAY_SECONDS, Job
from chassis.jobs.execution import JobExecution, system_call
from chassis.jobs.params import read_params
from chassis.jobs.state import JobState, JobStats, JobStatus
from chassis.mongo.leases import Leases
from chassis.provided import Provided
from chassis.telemetry.log import get_logger
from chassis.unit import Units, View

TICK_SECONDS_MAX = 2.0
TICK_SECONDS_MIN = 0.05
LOOK_SECONDS = 2.0
"""Longest time until a job notices work that another replica has committed."""

LOOK_ALONE_SECONDS = 30.0
"""The same where there is no other replica: this process's commits are seen at once."""

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
        self._execution = JobExecution(
            units=units, leases=leases, clock=clock, replica=replica, provided=provided or Provided()
        )
        for job in jobs:
            self._execution.check(job)
        self._units = units
        self._clock = clock
        self._gate = gate
        self._shared = shared
        self._due: dict[str, Utc] = {}
        # Of jobs that say when they have something to do: when that may be asked again.
        self._asked: dict[str, Utc] = {}
        self._woken = asyncio.Event()
        self._running: dict[str, asyncio.Task[Struct]] = {}
        shortest = min((job.seconds for job in jobs if job.seconds and job.due is None), default=inf)
        self._tick_seconds = min(max(shortest / 4, TICK_SECONDS_MIN), TICK_SECONDS_MAX)
        self._ticker: asyncio.Task[None] | None = None

    @property
    def stats(self) -> list[JobStats]:
        """Counts since the start."""
        runs, failures = self._execution.runs, self._execution.failures
        return [JobStats(name=name, runs=runs[name], failures=failures[name]) for name in self._jobs]

    async def start(self) -> None:
        """Start running jobs as they come due."""
        if not any(job.seconds for job in self._jobs.values()):
            return
        self._ticker = asyncio.create_task(self._tick_on(), name="jobs")

    async def stop(self, seconds: float = 5.0) -> None:
        """Start no more jobs; wait up to `seconds` for running ones, then cancel them."""
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
        states = await self._execution.states(self._jobs)
        return [self._status(job, states.get(job.name)) for job in self._jobs.values()]

    def wake(self) -> None:
        """Ask jobs soon whether they have something to do, because something was committed."""
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
        states = await self._execution.states(self._jobs)
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

        times = await self._units.view(system_call(self._clock, "job.due"), look)
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
            async with self._execution.leased(f"job/{job.name}") as lease:
                if last is not UNSET and (await self._execution.states(self._jobs)).get(job.name) != last:
                    raise StillRunning(f"{job.name} has just been run by another replica")
                return await self._execution.run(job, params, call, lease)
        finally:
            del self._running[job.name]

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
        return system_call(self._clock, f"{job.service}.job.{job.name}")


def _next(job: Job, state: JobState | None, now: Utc) -> Utc | None:
    """When a job is due next; None if never, or at once."""
    if job.at_seconds is not None:
        return _next_daily(state.started_utc if state else now, job.at_seconds)
    return later(state.started_utc, job.seconds) if job.seconds and state else None


def _next_daily(after: Utc, at_seconds: float) -> Utc:
    """The first moment later than `after` that is `at_seconds` past midnight UTC."""
    seconds = to_seconds(after)
    today = seconds // DAY_SECONDS * DAY_SECONDS + at_seconds
    return from_seconds(today if today > seconds else today + DAY_SECONDS)


def _look(task: "asyncio.Task[Struct]") -> None:
    """Retrieve a run's exception, which is logged already, so that asyncio does not report it."""
    if not task.cancelled():
        task.exception()
