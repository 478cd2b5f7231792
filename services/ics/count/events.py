"""Events published about counts and count plans."""

from chassis.entity import Value
from chassis.event import EventType
from services.ics.count.domain import Count
from services.ics.count.plan import CountPlan
from services.ics.serial.domain import SerialUnit


class CountChanged(Value):
    """The count after the change."""

    count: Count


class CountPlanChanged(Value):
    """The plan after the change."""

    plan: CountPlan


class SerialCounted(Value):
    """The unit after the count was approved, and the count."""

    serial: SerialUnit
    count_id: str


EVENTS = [
    EventType(
        type="ics.serial.found",
        subject="serial_id",
        body=SerialCounted,
        summary="A count found a unit that was not expected there.",
    ),
    EventType(
        type="ics.serial.missing",
        subject="serial_id",
        body=SerialCounted,
        summary="A count did not find a unit that was expected there.",
    ),
    EventType(type="ics.count.created", subject="count_id", body=CountChanged, summary="A count was started."),
    EventType(
        type="ics.count.submitted",
        subject="count_id",
        body=CountChanged,
        summary="A count was submitted; its variances are known.",
    ),
    EventType(
        type="ics.count.approved",
        subject="count_id",
        body=CountChanged,
        summary="A count was approved; its variances were posted.",
    ),
    EventType(type="ics.count.rejected", subject="count_id", body=CountChanged, summary="A count was rejected."),
    EventType(
        type="ics.count_plan.saved",
        subject="plan_id",
        body=CountPlanChanged,
        summary="A count plan was created or changed.",
    ),
    EventType(
        type="ics.count_plan.status_changed",
        subject="plan_id",
        body=CountPlanChanged,
        summary="A count plan was paused, resumed or archived.",
    ),
]
