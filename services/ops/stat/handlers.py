"""Ping and stat: whether the stack is open, and the state of each service; both need the secret code."""

import asyncio

import psutil

from chassis.caller import Call, public_peer
from chassis.clock import Clock, Utc, from_seconds, seconds_between
from chassis.endpoint import Answer, Endpoints, Request
from chassis.rpc.client import PEERS, Channels
from chassis.rpc.peers import ServiceHealth, ask_all
from chassis.unit import Units, View
from services.ops.maintenance.domain import Maintenance, MaintenanceState
from services.ops.maintenance.store import state_of
from services.ops.secret.service import SecretService
from services.ops.settings import OpsSettings
from services.ops.vacuum.domain import Vacuum, VacuumRun
from services.ops.vacuum.domain import to_answer as vacuum_shown
from services.ops.vacuum.store import newest

endpoints = Endpoints("ops")

OTHERS = tuple(peer for peer in PEERS if peer != "ops")
REFUSALS = {
    "unauthorized": "the code is wrong or missing (one answer for both)",
    "throttled": "5 wrong codes from one address within 15 minutes",
}


class SecretRequest(Request):
    secret_code: str | None = None


class PingSuccess(Answer):
    ok: bool
    maintenance_active: bool


@endpoints.get("/ping", tenant=False, refusals=REFUSALS)
async def ops_ping(call: Call, units: Units, secret_service: SecretService, body: SecretRequest) -> PingSuccess:
    """Whether OPS answers, and whether a maintenance window is active."""
    await _insist(call, secret_service, body)
    state = await units.view(call, state_of)
    return PingSuccess(ok=True, maintenance_active=state.active is not None)


class StatSuccess(Answer):
    ok: bool
    maintenance_active: bool
    maintenance: Maintenance | None
    next_maintenance: Maintenance | None
    vacuum: Vacuum | None
    services: list[ServiceHealth]
    uptime_seconds: float
    started_utc: Utc


@endpoints.get("/stat", tenant=False)
async def ops_stat(
    *,
    call: Call,
    units: Units,
    clock: Clock,
    settings: OpsSettings,
    channels: Channels,
    secret_service: SecretService,
    body: SecretRequest,
) -> StatSuccess:
    """How the stack is: windows, the newest vacuum, and each service's health.

    Every service is asked at once, a second each at most; one that does not answer is `ok: false`, never a failed call.
    """
    await _insist(call, secret_service, body)

    async def look(view: View) -> tuple[MaintenanceState, VacuumRun | None]:
        return await state_of(view, within_seconds=None), await newest(view)

    (state, vacuum), others = await asyncio.gather(units.view(call, look), ask_all(channels, OTHERS))
    own = ServiceHealth(service="ops", ok=True, build_id=settings.build_id, latency_ms=0.0)
    services = [own, *others]
    started_utc = from_seconds(psutil.Process().create_time())
    return StatSuccess(
        ok=all(service.ok for service in services),
        maintenance_active=state.active is not None,
        maintenance=state.active,
        next_maintenance=state.next,
        vacuum=vacuum_shown(vacuum) if vacuum else None,
        services=services,
        uptime_seconds=max(0.0, seconds_between(started_utc, clock.now())),
        started_utc=started_utc,
    )


async def _insist(call: Call, secret_service: SecretService, body: SecretRequest) -> None:
    # Apart from the operator's own port: failures here must not lock out the operator there.
    (await secret_service.check(body.secret_code or "", public_peer(call.peer))).insist()
