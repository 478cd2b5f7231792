"""Health of the other services of the stack, asked concurrently; no peer can delay the answer or make it fail."""

import asyncio
from time import monotonic

from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from chassis.entity import Value
from chassis.errors import Refusal
from chassis.rpc.client import PEERS, Channels
from retailstack.chassis.v1.status_pb2 import GetStatusRequest
from retailstack.chassis.v1.status_pb2_grpc import StatusStub

ASK_SECONDS = 1.0


class ServiceHealth(Value):
    """Health of one service: whether it serves, how long the answer took, its build, or the problem."""

    service: str
    ok: bool
    build_id: str | None = None
    latency_ms: float | None = None
    error: str | None = None


async def ask_all(
    channels: Channels, peers: tuple[str, ...] = PEERS, seconds: float = ASK_SECONDS
) -> list[ServiceHealth]:
    """The health of each peer, in the given order, within `seconds`."""
    return list(await asyncio.gather(*(ask(channels, peer, seconds) for peer in peers)))


async def ask(channels: Channels, peer: str, seconds: float = ASK_SECONDS) -> ServiceHealth:
    """The health of one peer; errors are part of the result, never raised."""
    started = monotonic()
    try:
        async with asyncio.timeout(seconds):
            serving, build_id = await asyncio.gather(_serves(channels, peer, seconds), _build(channels, peer, seconds))
    except Refusal as refused:
        return ServiceHealth(service=peer, ok=False, error=refused.message)
    except TimeoutError:
        return ServiceHealth(service=peer, ok=False, error=f"{peer} did not answer in time")
    latency_ms = round((monotonic() - started) * 1000, 3)
    error = None if serving else f"{peer} is not serving"
    return ServiceHealth(service=peer, ok=serving, build_id=build_id, latency_ms=latency_ms, error=error)


async def _serves(channels: Channels, peer: str, seconds: float) -> bool:
    stub = health_pb2_grpc.HealthStub(channels.channel(peer))
    answer = await stub.Check(health_pb2.HealthCheckRequest(), timeout=seconds)
    return bool(answer.status == answer.SERVING)


async def _build(channels: Channels, peer: str, seconds: float) -> str | None:
    answer = await StatusStub(channels.channel(peer)).Get(GetStatusRequest(), timeout=seconds)
    return answer.build_id or None
