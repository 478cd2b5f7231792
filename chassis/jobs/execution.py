"""One run of a job: under a lease that is renewed while it runs, with its state stored for operators."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from time import monotonic

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.clock import Clock, later
from chassis.errors import InternalError, Refusal, StillRunning, Unavailable
from chassis.ids import new_id
from chassis.jobs.declaration import Job
from chassis.jobs.state import JOB_STATES, JobState
from chassis.mongo.leases import Leases
from chassis.provided import Provided
from chassis.telemetry.log import get_logger
from chassis.telemetry.trace import Scope, enter, leave, span
from chassis.unit import Change, Units, View

LEASE_SECONDS = 30.0
RENEW_SECONDS = LEASE_SECONDS / 3

STATE_BYTES_MAX = 16 * 1024
"""A longer answer is returned to the caller, but not stored in the job's state."""

log = get_logger("chassis.jobs")


class JobExecution:
    """Runs each job at most once at a time across all replicas; counts this replica's runs and failures by job name."""

    def __init__(self, *, units: Units, leases: Leases, clock: Clock, replica: str, provided: Provided) -> None:
        self._units = units
        self._leases = leases
        self._clock = clock
        self._replica = replica
        self._provided = provided
        self.runs: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()

    def check(self, job: Job) -> None:
        """Raises TypeError if a dependency of the job is not provided."""
        self._provided.check(_who(job), job.asks)

    @asynccontextmanager
    async def leased(self, lease: str) -> AsyncIterator[str]:
        """Hold the lease for the block. Raises `StillRunning` if another replica has it."""
        if lease not in await self._leases.take([lease], LEASE_SECONDS):
            raise StillRunning("another replica is running it")
        try:
            yield lease
        finally:
            try:
                await self._leases.give_back([lease])
            except Exception as cause:  # noqa: BLE001  the lease expires by itself
                log.warning("the lease of a job could not be given back", lease=lease, reason=str(cause))

    async def run(self, job: Job, params: Struct, call: Call, lease: str) -> Struct:
        """Run the handler while the lease is renewed, and store the outcome. Raises what the handler refuses with,
        `InternalError` for its defects, and `Unavailable` if the lease is lost meanwhile."""
        state = JobState(name=job.name, started_utc=self._clock.now(), replica=self._replica)
        await self._keep(replace(state, running_until_utc=later(state.started_utc, LEASE_SECONDS)))
        self.runs[job.name] += 1
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
            self.failures[job.name] += error is not None
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

    async def states(self, names: Iterable[str]) -> dict[str, JobState]:
        """What is known of the last runs of these jobs, on any replica."""

        async def read(view: View) -> dict[str, JobState]:
            return await view.get_many(JOB_STATES, list(names))

        return await self._units.view(system_call(self._clock, "job.states"), read)

    async def _keep(self, state: JobState) -> None:
        async def write(change: Change) -> None:
            known = await change.get(JOB_STATES, state.name)
            await (change.insert if known is None else change.update)(JOB_STATES, state)

        await self._units.change(system_call(self._clock, "job.state"), write)


def system_call(clock: Clock, name: str) -> Call:
    """A call of the stack itself, made now."""
    now = clock.now()
    return Call(caller=SYSTEM, name=name, request_id=new_id(now), started_utc=now)


def _who(job: Job) -> str:
    return f"job {job.name}"


def _text(answer: Struct | None) -> str | None:
    """An answer as it is stored."""
    if answer is None:
        return None
    text = msgspec.json.encode(answer)
    return text.decode() if len(text) <= STATE_BYTES_MAX else None
