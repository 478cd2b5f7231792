"""Events published about runs."""

from chassis.entity import Value
from chassis.event import EventType
from services.pmc.product.events import STEP_EVENTS
from services.pmc.run.domain import PublishRun


class RunChanged(Value):
    """The run after the change."""

    run: PublishRun


EVENTS = [
    EventType(type="pmc.run.scheduled", subject="run_id", body=RunChanged, summary="A run was scheduled."),
    EventType(type="pmc.run.started", subject="run_id", body=RunChanged, summary="A run is running."),
    EventType(type="pmc.run.completed", subject="run_id", body=RunChanged, summary="A run has done all its items."),
    EventType(type="pmc.run.cancelled", subject="run_id", body=RunChanged, summary="A run was cancelled."),
    EventType(type="pmc.run.failed", subject="run_id", body=RunChanged, summary="A run failed."),
]

RUN_EVENTS = (*STEP_EVENTS, "pmc.run.completed", "pmc.run.failed")
"""What steps and the ends of runs may emit."""
