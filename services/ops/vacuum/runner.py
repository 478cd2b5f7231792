"""Shared by the jobs and the worker of vacuums in one process."""

import asyncio
from collections.abc import AsyncIterator

from chassis.caller import Call
from chassis.clock import Clock
from chassis.resource import resource
from chassis.rpc.client import Channels
from chassis.unit import Change, Units, View
from services.ops.settings import OpsSettings
from services.ops.vacuum.domain import Scope, VacuumRun, begun
from services.ops.vacuum.events import STARTED
from services.ops.vacuum.peers import Peers
from services.ops.vacuum.store import VACUUMS, due, hand_over, is_worked_on, running
from services.ops.vacuum.worker import VacuumWorker, emit_state

LOOK_SECONDS = 0.25
"""How often a job that was started by hand looks whether the workers are done."""


class VacuumRunner:
    """Starts vacuums that are due, and hands those under way to the workers."""

    def __init__(self, units: Units, worker: VacuumWorker) -> None:
        self.worker = worker
        self._units = units

    async def begin_due(self, call: Call) -> list[VacuumRun]:
        """Start the vacuums that are due, which closes their orgs. Hands over and returns all that are running."""

        async def write(change: Change) -> list[VacuumRun]:
            for run in await due(change):
                emit_state(change, STARTED, await change.update(VACUUMS, begun(run, change.now)))
            under_way = await running(change)
            await hand_over(change, under_way)
            return under_way

        return await self._units.change(call, write)

    async def work(self, call: Call, scope: Scope) -> list[VacuumRun]:
        """Hand over every running vacuum of the scope, and wait until a worker has worked on each."""

        async def write(change: Change) -> list[VacuumRun]:
            runs = [run for run in await running(change) if run.scope == scope]
            await hand_over(change, runs)
            return runs

        runs = await self._units.change(call, write)

        async def look(view: View) -> list[VacuumRun] | None:
            if any(await view.together(is_worked_on(view, run) for run in runs)):
                return None
            return [await view.load(VACUUMS, run.vacuum_id) for run in runs]

        while True:
            done = await self._units.view(call, look)
            if done is not None:
                return done
            await asyncio.sleep(LOOK_SECONDS)


@resource
async def vacuum_runner(
    units: Units, clock: Clock, channels: Channels, settings: OpsSettings
) -> AsyncIterator[VacuumRunner]:
    """The sweep of vacuums and their workers."""
    yield VacuumRunner(units, VacuumWorker(units, Peers(channels), clock, settings.vacuum_settle_seconds))
