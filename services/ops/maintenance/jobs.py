"""The job that starts windows at their scheduled start."""

from chassis.caller import Call
from chassis.entity import Value
from chassis.jobs.declaration import Jobs, NoParams
from chassis.unit import Units
from services.ops.maintenance.requests import MaintenanceRequests
from services.ops.maintenance.store import first_start

jobs = Jobs("ops")


class SweepAnswer(Value):
    """The window that was started, if any."""

    maintenance_id: str | None


@jobs.every(seconds=15, name="maintenance_sweep", due=first_start)
async def maintenance_sweep(units: Units, call: Call, params: NoParams) -> SweepAnswer:
    """Start the window whose scheduled start has passed, unless another is active still."""
    del params
    started = await MaintenanceRequests(units).start_due(call)
    return SweepAnswer(maintenance_id=started.maintenance_id if started else None)
