"""Maintenance over gRPC: the state that every process keeps a question open for, and the operator's changes.

Changes need the secret code, in the message or in the metadata; reading needs only access to the port.
"""

from typing import Any

from chassis.caller import Call
from chassis.clock import Utc
from chassis.decoding.fields import read_field
from chassis.decoding.forms import utc_form
from chassis.errors import invalid_field
from chassis.page import Page, PageRequest
from chassis.rpc.context import current_call
from chassis.rpc.declaration import Servicer
from chassis.rpc.interceptors import EVERY_SERVICE, SECRET_KEY
from chassis.unit import Units, View
from chassis.values import Id, LongText, Reason, Revision, Text
from retailstack.ops.v1 import maintenance_pb2 as pb
from retailstack.ops.v1 import maintenance_pb2_grpc
from services.ops.announced import Announcements
from services.ops.maintenance.domain import Maintenance, Minutes, Percent, ProgressReport, State, to_answer
from services.ops.maintenance.requests import MaintenanceRequests
from services.ops.maintenance.store import MAINTENANCE, list_windows
from services.ops.secret.service import SecretService


class MaintenanceServicer(maintenance_pb2_grpc.MaintenanceServicer):
    """Needs no caller header; every method that changes something checks the secret code."""

    access = "open"
    callers = EVERY_SERVICE

    def __init__(self, units: Units, secret_service: SecretService, announcements: Announcements) -> None:
        self._units = units
        self._announcements = announcements
        self._keeper = secret_service
        self._requests = MaintenanceRequests(units)

    async def GetState(self, request: pb.GetMaintenanceStateRequest, context: Any) -> pb.GetMaintenanceStateResponse:
        call = current_call()
        if call.caller.kind == "anonymous":
            await self._keeper.as_operator(call, _code_of(request, context))
        state, mark = await self._announcements.maintenance(request.known, request.wait_seconds)
        return pb.GetMaintenanceStateResponse(
            active=state.active is not None,
            window=maintenance_to_proto(state.active) if state.active else None,
            next=maintenance_to_proto(state.next) if state.next else None,
            mark=mark,
        )

    def release(self) -> None:
        """Answer all who wait: the process stops."""
        self._announcements.release()

    async def ScheduleMaintenance(self, request: pb.ScheduleMaintenanceRequest, context: Any) -> pb.MaintenanceAnswer:
        call = await self._operator(request, context)
        description = read_field("description", request.description, LongText)
        start = _instant("scheduled_start_utc", request.scheduled_start_utc)
        minutes = read_field("duration_minutes", request.duration_minutes, Minutes)
        return _answer(await self._requests.schedule(call, description, start, minutes))

    async def CancelMaintenance(self, request: pb.CancelMaintenanceRequest, context: Any) -> pb.MaintenanceAnswer:
        call = await self._operator(request, context)
        reason = read_field("reason", request.reason, Reason)
        return _answer(await self._requests.cancel(call, *_seen(request), reason))

    async def StartMaintenance(self, request: pb.StartMaintenanceRequest, context: Any) -> pb.MaintenanceAnswer:
        call = await self._operator(request, context)
        return _answer(await self._requests.start(call, *_seen(request)))

    async def EndMaintenance(self, request: pb.EndMaintenanceRequest, context: Any) -> pb.MaintenanceAnswer:
        call = await self._operator(request, context)
        return _answer(await self._requests.end(call, *_seen(request)))

    async def UpdateMaintenance(self, request: pb.UpdateMaintenanceRequest, context: Any) -> pb.MaintenanceAnswer:
        call = await self._operator(request, context)
        return _answer(await self._requests.update(call, *_seen(request), news_from_proto(request)))

    async def GetMaintenance(self, request: pb.GetMaintenanceRequest, context: Any) -> pb.MaintenanceAnswer:
        maintenance_id = read_field("maintenance_id", request.maintenance_id, Id)

        async def look(view: View) -> Maintenance:
            return to_answer(await view.load(MAINTENANCE, maintenance_id), view.now)

        return _answer(await self._units.view(current_call(), look))

    async def ListMaintenance(self, request: pb.ListMaintenanceRequest, context: Any) -> pb.ListMaintenanceResponse:
        state = read_field("state", request.state, State) if request.HasField("state") else None
        paged = PageRequest(limit=request.limit or None, next_token=request.next_token or None)

        async def look(view: View) -> Page[Maintenance]:
            found = await list_windows(view, state, paged)
            items = [to_answer(window, view.now) for window in found.items]
            return Page(items=items, count=found.count, next_token=found.next_token)

        page = await self._units.view(current_call(), look)
        return pb.ListMaintenanceResponse(items=map(maintenance_to_proto, page.items), next_token=page.next_token)

    async def _operator(self, request: Any, context: Any) -> Call:
        return await self._keeper.as_operator(current_call(), _code_of(request, context))


def maintenance_to_proto(told: Maintenance) -> pb.MaintenanceWindow:
    """A window as a message."""
    plain = {name: getattr(told, name) for name in told.__struct_fields__ if name != "progress"}
    return pb.MaintenanceWindow(
        **plain,
        progress=[
            pb.ProgressUpdate(at_utc=said.at_utc, message=said.message, percent=said.percent) for said in told.progress
        ],
    )


def news_from_proto(request: pb.UpdateMaintenanceRequest) -> ProgressReport:
    """The changes of an update request. Raises `Invalid` for invalid fields."""
    given: dict[str, Any] = {}
    if request.HasField("description"):
        given["description"] = read_field("description", request.description, LongText)
    if request.HasField("duration_minutes"):
        given["duration_minutes"] = read_field("duration_minutes", request.duration_minutes, Minutes)
    if request.HasField("progress"):
        given["message"] = read_field("progress.message", request.progress.message, Text)
        if request.progress.HasField("percent"):
            given["percent"] = read_field("progress.percent", request.progress.percent, Percent)
    return ProgressReport(**given)


def _answer(told: Maintenance) -> pb.MaintenanceAnswer:
    return pb.MaintenanceAnswer(maintenance=maintenance_to_proto(told))


def _code_of(request: Any, context: Any) -> str:
    """The secret code of a call, from its message, else its metadata."""
    code: str = getattr(request, "secret_code", "")
    if code:
        return code
    sent = dict(context.invocation_metadata() or ()).get(SECRET_KEY, "")
    return sent if isinstance(sent, str) else ""


def _seen(request: Any) -> tuple[str, int | None]:
    """The window of a request, and the revision that its sender has seen."""
    maintenance_id = read_field("maintenance_id", request.maintenance_id, Id)
    if not request.HasField("expected_revision"):
        return maintenance_id, None
    return maintenance_id, read_field("expected_revision", request.expected_revision, Revision)


def _instant(field: str, text: str) -> Utc:
    canonical, problem = utc_form(text)
    if problem:
        raise invalid_field(field, problem)
    return Utc(canonical)


servicers = [Servicer(maintenance_pb2_grpc.add_MaintenanceServicer_to_server, MaintenanceServicer)]
