"""Where maintenance windows are kept."""

from chassis.clock import later
from chassis.entity import Entity, index
from chassis.unit import View, between
from services.ops.maintenance.domain import ANNOUNCED_SECONDS, MaintenanceState, Window

MAINTENANCE = Entity(
    "maintenance",
    Window,
    collection="maintenance",
    id="maintenance_id",
    keys=("STACK", "MAINTENANCE#{maintenance_id}"),
    indexes=[index("state", "scheduled_start_utc")],
    org_scoped=False,
    label="description",
)


async def state_of(view: View) -> MaintenanceState:
    """The active window and the next one within a day. Index: state, scheduled_start_utc."""
    active = await view.find(MAINTENANCE, {"state": "active"}, order=["scheduled_start_utc"], limit=1)
    soon = {"state": "scheduled", "scheduled_start_utc": between(at_most=later(view.now, ANNOUNCED_SECONDS))}
    coming = await view.find(MAINTENANCE, soon, order=["scheduled_start_utc"], limit=1)
    return MaintenanceState(active=active[0] if active else None, next=coming[0] if coming else None)
