"""Shared by the vacuum jobs of one process; lets the sweep start the workers."""

import asyncio
from collections.abc import AsyncIterator
from contextvars import Context

from chassis.caller import Call
from chassis.clock import Clock
from chassis.errors import Refusal, StillRunning
from chassis.resource import resource
from chassis.rpc.client import Channels
from chassis.rpc.jobs import Runner
from chassis.telemetry.log import get_logger
from chassis.unit import Change, Units, View
from services.ops.settings import OpsSettings
from services.ops.vacuum.domain import Scope, VacuumRun, begun
from services.ops.vacuum.events import STARTED
from services.ops.vacuum.peers import Peers
from services.ops.vacuum.store import VACUUMS, due, running
from services.ops.vacuum.worker import VacuumWorker, emit_state

WORKERS: dict[Scope, str] = {"all": "vacuum_all_worker", "org": "vacuum_org_worker"}

log = get_logger("ops.vacuum")


class VacuumRunner:
    """The sweep and the workers of one process."""

    def __init__(self, units: Units, jobs: Runner, worker: VacuumWorker) -> None:
        self._units = units
        self._jobs = jobs
        self._worker = worker
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin_due(self, call: Call) -> list[VacuumRun]:
        """Start the vacuums that are due, which closes their orgs. Returns all that are running."""

        async def write(change: Change) -> list[VacuumRun]:
            for run in await due(change):
                emit_state(change, STARTED, await change.update(VACUUMS, begun(run, change.now)))
            return []

        async def look(view: View) -> list[VacuumRun]:
            return await running(view)

        await self._units.change(call, write)
        return await self._units.view(call, look)

    def hand_over(self, scope: Scope) -> None:
        """Start the worker in the background, unless it runs already, here or in another replica."""
        # In a new context, so that it does not inherit the deadline and trace of the sweep's call.
        task = asyncio.create_task(self._run(WORKERS[scope]), name=WORKERS[scope], context=Context())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def work(self, call: Call, scope: Scope) -> list[VacuumRun]:
        """Work on every running vacuum of the scope once, oldest first."""

        async def look(view: View) -> list[VacuumRun]:
            return [run for run in await running(view) if run.scope == scope]

        done: dict[str, VacuumRun] = {}
        while waiting := [run for run in await self._units.view(call, look) if run.vacuum_id not in done]:
            run = await self._worker.work(call, waiting[0].vacuum_id)
            done[run.vacuum_id] = run
        return list(done.values())

    async def close(self) -> None:
        """Cancel the workers; another replica, or this one after its restart, continues."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, name: str) -> None:
        try:
            await self._jobs.run(name, {}, dry_run=False)
        except StillRunning:
            log.debug("a worker runs already", job=name)
        except Refusal as refusal:
            log.warning("a vacuum's worker stopped", job=name, reason=refusal.message)


@resource
async def vacuum_runner(
    units: Units, clock: Clock, channels: Channels, jobs: Runner, settings: OpsSettings
) -> AsyncIterator[VacuumRunner]:
    """The vacuum runner of a process."""
    runner = VacuumRunner(units, jobs, VacuumWorker(units, Peers(channels), clock, settings.vacuum_settle_seconds))
    try:
        yield runner
    finally:
        await runner.close()
