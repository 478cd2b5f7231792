"""Events published about maintenance windows. Every process consumes them to open and close its gate."""

from chassis.entity import Value
from chassis.event import EventType
from services.ops.maintenance.domain import Maintenance

SCHEDULED = "ops.maintenance.scheduled"
CANCELLED = "ops.maintenance.cancelled"
STARTED = "ops.maintenance.started"
ENDED = "ops.maintenance.ended"
UPDATED = "ops.maintenance.updated"


class MaintenanceChanged(Value):
    """The window after the change."""

    maintenance: Maintenance


_SAID = {
    SCHEDULED: "A window was planned.",
    CANCELLED: "A window was called off.",
    STARTED: "A window is active: every service but OPS answers 503 until it ends.",
    ENDED: "A window is over: the services answer again.",
    UPDATED: "A window has another description, another duration, or a progress update more.",
}

EVENTS = [
    EventType(type=each, subject="maintenance_id", body=MaintenanceChanged, summary=said)
    for each, said in _SAID.items()
]
