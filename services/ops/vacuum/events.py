"""Events published about the vacuum of an org. A full vacuum publishes none."""

from chassis.entity import Value
from chassis.event import EventType
from chassis.values import Id, Orgcode
from services.ops.vacuum.domain import ServiceTally, Vacuum

STARTED = "ops.vacuum.org.started"
PROGRESS = "ops.vacuum.org.service.progress"
COMPLETED = "ops.vacuum.org.completed"


class VacuumChanged(Value):
    """The vacuum after the change."""

    vacuum: Vacuum


class VacuumProgress(Value):
    """One service that has been erased."""

    vacuum_id: Id
    orgcode: Orgcode
    service: ServiceTally


EVENTS = [
    EventType(
        type=STARTED,
        subject="vacuum_id",
        body=VacuumChanged,
        summary="An org is closed from now on, and what there is of it is about to be deleted.",
    ),
    EventType(type=PROGRESS, subject="vacuum_id", body=VacuumProgress, summary="A service holds nothing of the org."),
    EventType(type=COMPLETED, subject="vacuum_id", body=VacuumChanged, summary="Nothing is left of the org anywhere."),
]
