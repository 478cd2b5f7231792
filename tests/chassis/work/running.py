"""Workers with a handler of the test, and a replica that runs one."""

from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from chassis.clock import SystemClock
from chassis.gate import Gate
from chassis.mongo.unit import MongoUnits
from chassis.unit import Units
from chassis.work.handle import Work
from chassis.work.queue import Continue, Worker, Workers, WorkQueue
from chassis.work.runner import WorkRunner
from tests.chassis.work.given import Crate, items

Handler = Callable[[Units, Work[Crate]], Any]


def a_worker(queue: WorkQueue[Crate], handler: Handler, **options: Any) -> Worker:
    """A worker of this queue that runs the handler."""
    workers = Workers("test")

    async def ship(units: Units, work: Work[Crate]) -> Continue | None:
        """Ship crates."""
        answer: Continue | None = await handler(units, work)
        return answer

    workers.on(queue, **options)(ship)
    return workers.declared[0]


@asynccontextmanager
async def running(
    units: MongoUnits, worker: Worker, *, gate: Gate | None = None, poll_seconds: float = 60.0, replica: str = "here"
) -> AsyncIterator[WorkRunner]:
    """A replica's runner, woken by this process's commits alone unless `poll_seconds` is short."""
    clock = SystemClock()
    gate = gate or Gate(clock)
    runner = WorkRunner([worker], units=units, clock=clock, gate=gate, replica=replica, poll_seconds=poll_seconds)
    units.on_work(runner.wake)
    await runner.start()
    try:
        yield runner
    finally:
        await runner.stop(2.0)


def outcomes(runner: WorkRunner) -> Counter[str]:
    """How the runs of the crates' queue ended: outcome -> runs."""
    return runner.queues["test.crates"].stats.outcomes


async def nothing_left(units: MongoUnits) -> bool:
    """Whether all work is done."""
    return await items(units) == []
