"""The sweep, which starts vacuums that are due, and the workers that run them."""

from chassis.caller import Call
from chassis.entity import Value
from chassis.jobs.declaration import Jobs, NoParams
from chassis.unit import Units
from services.ops.vacuum.domain import VacuumRun
from services.ops.vacuum.runner import VacuumRunner
from services.ops.vacuum.store import first_start

jobs = Jobs("ops")


class VacuumAnswer(Value):
    """Running vacuums and their states."""

    vacuums: dict[str, str]


@jobs.every(seconds=15, name="vacuum_sweep", due=first_start)
async def vacuum_sweep(units: Units, call: Call, params: NoParams, runner: VacuumRunner) -> VacuumAnswer:
    """Let vacuums begin whose time has come, and hand those under way to the workers."""
    del units, params
    return _answer(await runner.begin_due(call))


@jobs.by_hand(name="vacuum_all_worker")
async def vacuum_all_worker(units: Units, call: Call, params: NoParams, runner: VacuumRunner) -> VacuumAnswer:
    """Delete all data of every service, where that is under way. Tells nobody."""
    del units, params
    return _answer(await runner.work(call, "all"))


@jobs.by_hand(name="vacuum_org_worker")
async def vacuum_org_worker(units: Units, call: Call, params: NoParams, runner: VacuumRunner) -> VacuumAnswer:
    """Delete the data of the orgs whose vacuum is under way, in every service."""
    del units, params
    return _answer(await runner.work(call, "org"))


def _answer(runs: list[VacuumRun]) -> VacuumAnswer:
    return VacuumAnswer(vacuums={run.vacuum_id: run.state for run in runs})
