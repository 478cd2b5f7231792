"""The maintenance endpoints: every signed-in caller may see when and why the stack is closed."""

from chassis.caller import SIGNED_IN
from chassis.endpoint import Answer, Endpoints, Listed, Request
from chassis.page import PageRequest
from chassis.unit import View
from chassis.values import Id
from services.ops.maintenance.domain import Maintenance, State, to_answer
from services.ops.maintenance.store import MAINTENANCE, list_windows

endpoints = Endpoints("ops", "/maintenance")


class MaintenanceListRequest(Request, PageRequest):
    state: State | None = None


class MaintenanceListSuccess(Listed[Maintenance]):
    """One page of them."""


@endpoints.get("/list", roles=[SIGNED_IN], tenant=False)
@endpoints.post("/list", roles=[SIGNED_IN], tenant=False)
async def ops_maintenance_list(view: View, body: MaintenanceListRequest) -> MaintenanceListSuccess:
    """List maintenance windows, the latest start first."""
    page = await list_windows(view, body.state, body)
    items = [to_answer(window, view.now) for window in page.items]
    return MaintenanceListSuccess(items=items, count=page.count, next_token=page.next_token)


class MaintenanceGetRequest(Request):
    maintenance_id: Id


class MaintenanceGetSuccess(Answer):
    maintenance: Maintenance


@endpoints.get("/get", roles=[SIGNED_IN], tenant=False)
@endpoints.post("/get", roles=[SIGNED_IN], tenant=False)
async def ops_maintenance_get(view: View, body: MaintenanceGetRequest) -> MaintenanceGetSuccess:
    """Show a maintenance window."""
    return MaintenanceGetSuccess(maintenance=to_answer(await view.load(MAINTENANCE, body.maintenance_id), view.now))
