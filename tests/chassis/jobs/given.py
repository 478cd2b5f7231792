"""A job whose runs a test controls, and replicas that run it."""

import asyncio

from chassis.caller import Call
from chassis.clock import FixedClock, Utc
from chassis.entity import Value
from chassis.gate import Gate
from chassis.jobs.declaration import Job, Jobs
from chassis.jobs.runner import JobRunner
from chassis.jobs.state import JobStatus
from chassis.mongo.client import Database
from chassis.mongo.leases import Leases
from chassis.mongo.unit import MongoUnits
from chassis.unit import Units
from chassis.values import Orgcode

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


class Replicas:
    """Runners of the same jobs, as several replicas have them."""

    def __init__(self, database: Database, units: MongoUnits, clock: FixedClock) -> None:
        self.database, self.units, self.clock = database, units, clock
        self.gate = Gate(clock)

    def one(self, jobs: list[Job], name: str = "one") -> JobRunner:
        """A replica."""
        leases = Leases(self.database, self.clock, name)
        return JobRunner(jobs, units=self.units, leases=leases, clock=self.clock, gate=self.gate, replica=name)


async def status_of(runner: JobRunner) -> JobStatus:
    """How the only job is doing."""
    (status,) = await runner.status()
    return status


async def idle(runner: JobRunner) -> bool:
    """Whether the only job has ended and is not running."""
    status = await status_of(runner)
    return not status.running and status.last_ended_utc is not None
