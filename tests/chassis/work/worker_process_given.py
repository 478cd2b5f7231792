"""A worker in a process of its own, to be killed: `python -m tests.chassis.work.worker_process_given URI DATABASE`."""

import asyncio
import sys

from chassis.clock import SystemClock
from chassis.gate import Gate
from chassis.unit import Change, Units
from chassis.work.handle import Work
from chassis.work.queue import Continue, Workers, WorkQueue
from chassis.work.runner import WorkRunner
from tests.chassis.bus_given import NOTES, Note
from tests.chassis.work.given import Crate, Shipped, work_units

BITES = 30
SHORT: WorkQueue[Crate] = WorkQueue(
    "test", "crates", payload=Crate, progress=Shipped, lease_seconds=2.0, delay_seconds=0.1, attempts_max=50
)

workers = Workers("test")


@workers.on(SHORT)
async def ship(units: Units, work: Work[Crate]) -> Continue | None:
    """Ship a crate in bites, one note each: a note that is there already would fail the bite."""
    done = work.progress.bites if work.progress else 0

    async def bite(change: Change) -> None:
        await work.checkpoint(change, Shipped(bites=done + 1))
        await change.insert(NOTES, Note(note_id=f"{work.key}/{done}", text="shipped"))
        if done + 1 == BITES:
            await work.finish(change)

    await units.change(work.call, bite)
    await asyncio.sleep(0.01)
    return None if done + 1 == BITES else Continue()


def a_runner(units: Units, replica: str) -> WorkRunner:
    """A replica that polls often, since nobody wakes it."""
    clock = SystemClock()
    return WorkRunner(workers.declared, units=units, clock=clock, gate=Gate(clock), replica=replica, poll_seconds=0.2)


async def work_until_killed(uri: str, name: str) -> None:
    """Work on what there is."""
    async with work_units(uri, name) as units:
        runner = a_runner(units, "killed")
        await runner.start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(work_until_killed(sys.argv[1], sys.argv[2]))
