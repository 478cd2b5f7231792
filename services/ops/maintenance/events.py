"""What others hear of maintenance windows. Every process of the stack listens: its gate follows."""

from chassis.entity import Value
from chassis.event import EventType
from services.ops.maintenance.domain import Maintenance

SCHEDULED = "ops.maintenance.scheduled"
CANCELLED = "ops.maintenance.cancelled"
STARTED = "ops.maintenance.started"
ENDED = "ops.maintenance.ended"
UPDATED = "ops.maintenance.updated"


class MaintenanceChanged(Value):
    """The window as it is since."""

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
