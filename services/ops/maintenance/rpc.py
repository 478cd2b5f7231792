"""Maintenance over gRPC: what every service asks every few seconds."""

from typing import Any

from chassis.rpc.context import current_call
from chassis.rpc.server import RpcContext
from chassis.unit import Units
from retailstack.ops.v1 import maintenance_pb2, maintenance_pb2_grpc
from services.ops.maintenance.domain import Window
from services.ops.maintenance.store import state_of


class MaintenanceServicer(maintenance_pb2_grpc.MaintenanceServicer):
    """Answers services of the stack."""

    def __init__(self, units: Units) -> None:
        self._units = units

    async def GetState(
        self, request: maintenance_pb2.GetMaintenanceStateRequest, context: Any
    ) -> maintenance_pb2.GetMaintenanceStateResponse:
        state = await self._units.view(current_call(), state_of)
        return maintenance_pb2.GetMaintenanceStateResponse(
            active=state.active is not None,
            window=window_to_proto(state.active) if state.active else None,
            next=window_to_proto(state.next) if state.next else None,
        )


def window_to_proto(window: Window) -> maintenance_pb2.MaintenanceWindow:
    """A window as a message."""
    return maintenance_pb2.MaintenanceWindow(
        maintenance_id=window.maintenance_id,
        state=window.state,
        description=window.description,
        scheduled_start_utc=window.scheduled_start_utc,
        duration_minutes=window.duration_minutes,
        expected_end_utc=window.expected_end_utc,
        started_utc=window.started_utc,
        started_by=window.started_by,
        ended_utc=window.ended_utc,
        cancelled_utc=window.cancelled_utc,
        cancel_reason=window.cancel_reason,
        overrun=window.overrun,
        progress=[
            maintenance_pb2.ProgressUpdate(at_utc=said.at_utc, message=said.message, percent=said.percent)
            for said in window.progress
        ],
        revision=window.revision,
        created_utc=window.created_utc,
        updated_utc=window.updated_utc,
    )


def maintenance(context: RpcContext) -> tuple[Any, MaintenanceServicer]:
    """The servicer of this process."""
    return maintenance_pb2_grpc.add_MaintenanceServicer_to_server, MaintenanceServicer(context.units)


servicers = [maintenance]
