"""The endpoints of count plans; `handlers.py` includes them. The contract's ics.yaml specifies each of them."""

from collections.abc import Sequence

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Listed, Request, Revised
from chassis.errors import invalid_field
from chassis.page import PageRequest
from chassis.unit import Change, View
from chassis.values import Code, Date, Guid, Id, Name, Qty0
from services.ics.bin.store import BINS
from services.ics.count.plan import (
    BinIds,
    CountPlan,
    Days,
    Percent,
    PlanStatus,
    VariantIds,
    ZoneIds,
    changed,
    check_open,
    seen,
    set_status,
)
from services.ics.count.store import PLANS, last_counted, list_plans
from services.ics.status import StatusRequest, with_status
from services.ics.words import COUNT, READ
from services.ics.zone.store import ZONES

endpoints = Endpoints("ics", "/count")


class CountPlanEnvelope(Answer):
    plan: CountPlan


class CountPlanGetRequest(Request):
    plan_id: Id


@endpoints.post("/plan/get", roles=READ)
async def ics_count_plan_get(view: View, body: CountPlanGetRequest) -> CountPlanEnvelope:
    """Show a count plan."""
    plan = await view.load(PLANS, body.plan_id)
    dates = await last_counted(view, [plan.plan_id])
    return CountPlanEnvelope(plan=seen(plan, dates.get(plan.plan_id)))


class CountPlanListRequest(Request, PageRequest):
    logical_guid: Guid | None = None
    status: PlanStatus | None = None
    due_by: Date | None = None


class CountPlanListEnvelope(Listed[CountPlan]):
    """One page of count plans."""


@endpoints.post("/plan/list", roles=READ)
async def ics_count_plan_list(view: View, body: CountPlanListRequest) -> CountPlanListEnvelope:
    """List count plans, newest first; `due_by` limits them to plans due on or before that day."""
    wanted = {"logical_guid": body.logical_guid, "status": body.status}
    page = await list_plans(view, wanted, body.due_by, body)
    return CountPlanListEnvelope.of(page)


class CountPlanSetRequest(Revised):
    code: Code
    name: Name | None = None
    zone_ids: ZoneIds | None = None
    bin_ids: BinIds | None = None
    variant_ids: VariantIds | None = None
    blind: bool | None = None
    tolerance_units: Qty0 | None = None
    tolerance_percent: Percent | None = None
    auto_approve: bool | None = None
    four_eyes: bool | None = None
    frequency_days: Days | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        if self.auto_approve and self.four_eyes:
            return [("four_eyes", "goes without auto_approve")]
        return ()

    def values(self) -> dict[str, object]:
        """The plan's fields in the request, by name; None for omitted ones."""
        return {name: getattr(self, name) for name in CountPlanSetRequest.__struct_fields__ if name not in _NOT_KEPT}


_NOT_KEPT = {"code", "expected_revision"}


@endpoints.post(
    "/plan/set",
    roles=COUNT,
    needs=["logical_guid"],
    emits=["ics.count_plan.saved"],
    refusals={"conflict_state": "the plan is archived"},
)
async def ics_count_plan_set(call: Call, change: Change, body: CountPlanSetRequest) -> CountPlanEnvelope:
    """Create or change the count plan with this code in the facility."""
    await _check_places(change, call.logical_guid, body.zone_ids or (), body.bin_ids or ())
    known = await change.lookup(PLANS, "code", call.logical_guid, body.code)
    if known is None:
        fresh = CountPlan(plan_id=change.new_id(), logical_guid=call.logical_guid, code=body.code)
        plan = await change.insert(PLANS, changed(fresh, body.values()))
    else:
        known = await change.load(PLANS, known.plan_id, body.expected_revision)
        plan = changed(known, body.values())
        check_open(known)
        plan = await change.update(PLANS, plan)
    return await _emitted(change, "ics.count_plan.saved", plan)


async def _check_places(change: Change, facility: str, zone_ids: Sequence[str], bin_ids: Sequence[str]) -> None:
    """Raise `Invalid` for the first zone or bin that does not exist in the facility."""
    change.prefetch(ZONES, zone_ids)
    change.prefetch(BINS, bin_ids)
    zones, bins = await change.get_many(ZONES, zone_ids), await change.get_many(BINS, bin_ids)
    for number, zone_id in enumerate(zone_ids):
        if zone_id not in zones or zones[zone_id].logical_guid != facility:
            raise invalid_field(f"zone_ids.{number}", "no such zone in the facility")
    for number, bin_id in enumerate(bin_ids):
        if bin_id not in bins or bins[bin_id].logical_guid != facility:
            raise invalid_field(f"bin_ids.{number}", "no such bin in the facility")


async def _emitted(change: Change, event: str, plan: CountPlan) -> CountPlanEnvelope:
    """Emit the event of a changed plan and build the answer; both include the dates of the last and next count."""
    dates = await last_counted(change, [plan.plan_id])
    plan = seen(plan, dates.get(plan.plan_id))
    change.emit(event, plan.plan_id, plan=plan)
    return CountPlanEnvelope(plan=plan)


class CountPlanStatusSetRequest(StatusRequest[PlanStatus]):
    plan_id: Id


@endpoints.post(
    "/plan/status/set",
    roles=COUNT,
    emits=["ics.count_plan.status_changed"],
    refusals={"conflict_state": "already so, or archived"},
)
async def ics_count_plan_status_set(change: Change, body: CountPlanStatusSetRequest) -> CountPlanEnvelope:
    """Pause, resume or archive a count plan; archived is final."""
    plan = await with_status(change, PLANS, body.plan_id, body, set_status)
    return await _emitted(change, "ics.count_plan.status_changed", plan)
