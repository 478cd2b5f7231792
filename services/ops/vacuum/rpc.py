"""Vacuums over gRPC: the operator's requests, and the closures that every process keeps a question open for."""

from typing import Any

from chassis.caller import Call
from chassis.decoding.fields import read_field
from chassis.rpc.client import Channels
from chassis.rpc.context import current_call, require_stack
from chassis.rpc.declaration import Servicer
from chassis.rpc.interceptors import EVERY_SERVICE
from chassis.unit import Units
from chassis.values import Id, Orgcode, Reason
from retailstack.ops.v1 import vacuum_pb2 as pb
from retailstack.ops.v1 import vacuum_pb2_grpc
from services.ops.announced import Announcements
from services.ops.secret.service import SecretService
from services.ops.settings import OpsSettings
from services.ops.vacuum.domain import ServiceTally, VacuumRun, to_answer
from services.ops.vacuum.peers import Peers
from services.ops.vacuum.requests import VacuumRequests


class VacuumAdminServicer(vacuum_pb2_grpc.VacuumServicer):
    """Needs no caller header; every method that changes something checks the secret code."""

    access = "open"

    def __init__(self, units: Units, channels: Channels, settings: OpsSettings, secret_service: SecretService) -> None:
        self._requests = VacuumRequests(units, Peers(channels), settings.vacuum_delay_seconds)
        self._keeper = secret_service

    async def VacuumAll(self, request: pb.VacuumAllRequest, context: Any) -> pb.VacuumAnswer:
        return await self._vacuum(await self._operator(request), None, request)

    async def VacuumOrg(self, request: pb.VacuumOrgRequest, context: Any) -> pb.VacuumAnswer:
        call = await self._operator(request)
        return await self._vacuum(call, read_field("orgcode", request.orgcode, Orgcode), request)

    async def CancelVacuum(self, request: pb.CancelVacuumRequest, context: Any) -> pb.VacuumAnswer:
        call = await self._operator(request)
        return answer_to_proto(await self._requests.cancel(call, read_field("vacuum_id", request.vacuum_id, Id)))

    async def GetVacuumStatus(self, request: pb.GetVacuumStatusRequest, context: Any) -> pb.VacuumAnswer:
        # Clients that cannot omit a string send an empty one.
        vacuum_id = read_field("vacuum_id", request.vacuum_id, Id) if request.vacuum_id else None
        return answer_to_proto(await self._requests.status(current_call(), vacuum_id))

    async def _vacuum(self, call: Call, orgcode: str | None, request: Any) -> pb.VacuumAnswer:
        reason = read_field("reason", request.reason, Reason)
        ask = self._requests.count if request.dry_run else self._requests.request
        return answer_to_proto(await ask(call, orgcode, request.confirmation_phrase, reason))

    async def _operator(self, request: Any) -> Call:
        return await self._keeper.as_operator(current_call(), request.secret_code)


class ClosuresServicer(vacuum_pb2_grpc.ClosuresServicer):
    """Answers services of the stack."""

    callers = EVERY_SERVICE

    def __init__(self, announcements: Announcements) -> None:
        self._announcements = announcements

    async def Get(self, request: pb.GetClosuresRequest, context: Any) -> pb.GetClosuresResponse:
        require_stack()
        closures, mark = await self._announcements.closures(request.known, request.wait_seconds)
        return pb.GetClosuresResponse(
            all=closures.all,
            orgcodes=closures.orgcodes,
            erased=[pb.Erased(orgcode=orgcode, completed_utc=at) for orgcode, at in closures.erased],
            mark=mark,
        )

    def release(self) -> None:
        """Answer all who wait: the process stops."""
        self._announcements.release()


def answer_to_proto(run: VacuumRun) -> pb.VacuumAnswer:
    """A vacuum as an answer."""
    told = to_answer(run)
    plain = {name: getattr(told, name) for name in told.__struct_fields__ if name != "services"}
    return pb.VacuumAnswer(
        vacuum=pb.VacuumRecord(**plain, services=map(tally_to_proto, run.services)),
        certificate=map(tally_to_proto, run.certificate),
    )


def tally_to_proto(tally: ServiceTally) -> pb.ServiceTally:
    """A service's tally as a message."""
    return pb.ServiceTally(
        service=tally.service,
        state=tally.state,
        collections=[
            pb.CollectionTally(collection=each.collection, matched=each.matched, deleted=each.deleted)
            for each in tally.collections
        ],
        matched=tally.matched,
        deleted=tally.deleted,
        error=tally.error,
    )


servicers = [
    Servicer(vacuum_pb2_grpc.add_VacuumServicer_to_server, VacuumAdminServicer),
    Servicer(vacuum_pb2_grpc.add_ClosuresServicer_to_server, ClosuresServicer),
]
