"""Count plans: which positions to count, the tolerance, and the frequency. Pure.

The date of the last count is stored in a separate record (`PlanDate`), so an approval does not change the plan's
revision. `seen` combines the two.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from chassis.clock import days_after
from chassis.entity import Document, Record
from chassis.errors import InvalidState, invalid_field
from chassis.values import Code, Date, Guid, Id, Name, Qty0
from services.ics.remarks import Remarks

ZONES_MAX = 50
BINS_MAX = 200
VARIANTS_MAX = 500

PlanStatus = Literal["active", "paused", "archived"]
ZoneIds = Annotated[list[Id], Meta(max_length=ZONES_MAX)]
BinIds = Annotated[list[Id], Meta(max_length=BINS_MAX)]
VariantIds = Annotated[list[Guid], Meta(max_length=VARIANTS_MAX)]
Percent = Annotated[int, Meta(ge=0, le=100)]
Days = Annotated[int, Meta(ge=1, le=365)]


class CountPlan(Record):
    """Which positions to count and how. An empty list of zones, bins or variants does not limit the positions."""

    plan_id: Id
    logical_guid: Guid
    code: Code
    name: Name | None = None
    zone_ids: ZoneIds = field(default_factory=list)
    bin_ids: BinIds = field(default_factory=list)
    variant_ids: VariantIds = field(default_factory=list)
    blind: bool = True
    tolerance_units: Qty0 = 0
    tolerance_percent: Percent = 0
    auto_approve: bool = False
    four_eyes: bool = False
    frequency_days: Days | None = None
    last_counted_date: Date | None = None
    next_due_date: Date | None = None
    status: PlanStatus = "active"
    remarks: Remarks = field(default_factory=list)


class PlanDate(Document):
    """The UTC day a plan was last counted: the latest day among its approved counts."""

    plan_id: str
    orgcode: str
    last_counted_date: Date


def seen(plan: CountPlan, last_counted_date: Date | None) -> CountPlan:
    """The plan with the dates of its last and next count; unchanged if it was never counted."""
    if last_counted_date is None:
        return plan
    due = None if plan.frequency_days is None else days_after(last_counted_date, plan.frequency_days)
    return replace(plan, last_counted_date=last_counted_date, next_due_date=due)


def is_due(plan: CountPlan, by: Date) -> bool:
    """Whether the next count of a plan (from `seen`) is due on or before `by`."""
    return plan.next_due_date is not None and plan.next_due_date <= by


def changed(plan: CountPlan, given: Mapping[str, Any]) -> CountPlan:
    """The plan with the given values; None keeps the old one. Raises `Invalid` for four_eyes with auto_approve."""
    plan = replace(plan, **{name: value for name, value in given.items() if value is not None})
    if plan.auto_approve and plan.four_eyes:
        raise invalid_field("four_eyes", "goes without auto_approve")
    return plan


def check_open(plan: CountPlan) -> None:
    """Raise `InvalidState` if the plan is archived: it cannot be changed."""
    if plan.status == "archived":
        raise InvalidState("the plan is archived", status=plan.status)


def check_active(plan: CountPlan) -> None:
    """Raise `InvalidState` if the plan is paused or archived: it cannot be counted."""
    if plan.status != "active":
        raise InvalidState(f"the plan is {plan.status}", status=plan.status)


def set_status(plan: CountPlan, status: PlanStatus) -> CountPlan:
    """The plan with the new status. Raises `InvalidState` if it already has it or is archived, which is final."""
    check_open(plan)
    if plan.status == status:
        raise InvalidState(f"the plan is already {status}", status=plan.status)
    return replace(plan, status=status)


def tolerated(plan: CountPlan | None, expected: int) -> int:
    """Units a line may differ from `expected` and still be within tolerance; 0 without a plan."""
    if plan is None:
        return 0
    return max(plan.tolerance_units, expected * plan.tolerance_percent // 100)
