"""The sweep, which lets vacuums begin when their time has come, and the workers it hands them to."""

from chassis.caller import Call
from chassis.entity import Value
from chassis.jobs.declaration import Jobs, NoParams
from chassis.unit import Units
from services.ops.vacuum.domain import VacuumRun
from services.ops.vacuum.runner import vacuum_runner_of

jobs = Jobs("ops")


class VacuumAnswer(Value):
    """Vacuums under way, or worked on, and how each is."""

    vacuums: dict[str, str]


@jobs.every(seconds=15, name="vacuum_sweep")
async def vacuum_sweep(units: Units, call: Call, params: NoParams) -> VacuumAnswer:
    """Let vacuums begin whose time has come, and hand those under way to the workers."""
    del params
    runner = vacuum_runner_of(units)
    under_way = await runner.begin_due(call)
    for scope in sorted({run.scope for run in under_way}):
        runner.hand_over(scope)
    return _answer(under_way)


@jobs.by_hand(name="vacuum_all_worker")
async def vacuum_all_worker(units: Units, call: Call, params: NoParams) -> VacuumAnswer:
    """Delete all data of every service, where that is under way. Tells nobody."""
    del params
    return _answer(await vacuum_runner_of(units).work(call, "all"))


@jobs.by_hand(name="vacuum_org_worker")
async def vacuum_org_worker(units: Units, call: Call, params: NoParams) -> VacuumAnswer:
    """Delete the data of the orgs whose vacuum is under way, in every service."""
    del params
    return _answer(await vacuum_runner_of(units).work(call, "org"))


def _answer(runs: list[VacuumRun]) -> VacuumAnswer:
    return VacuumAnswer(vacuums={run.vacuum_id: run.state for run in runs})
