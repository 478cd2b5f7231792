"""`Status`, served by every process: build, gate, parts, relay and queues, as the operator's `status` shows them."""

from collections.abc import Iterator
from typing import Any

from prometheus_client import Gauge

from chassis.clock import Utc
from chassis.rpc.server import RpcContext
from chassis.telemetry.names import QUEUE_DEPTH, RELAY_LAG_SECONDS, RELAY_PENDING
from retailstack.chassis.v1 import status_pb2, status_pb2_grpc


class StatusServicer(status_pb2_grpc.StatusServicer):
    """Reads what the process knows of itself; asks nobody but its own parts.

    Open, for it is asked most when things are down, OPS and with it the check of the secret among them.
    """

    access = "open"

    def __init__(self, context: RpcContext, started_utc: Utc) -> None:
        self._context = context
        self._started_utc = started_utc

    async def Get(self, request: status_pb2.GetStatusRequest, context: Any) -> status_pb2.GetStatusResponse:
        ours, settings = self._context, self._context.settings
        return status_pb2.GetStatusResponse(
            service=ours.service.name,
            replica=settings.replica,
            build_id=settings.build_id,
            build_major=settings.build_major,
            build_minor=settings.build_minor,
            started_utc=self._started_utc,
            gate="open" if ours.gate.open else "closed",
            parts=[status_pb2.PartHealth(part=part.name, ok=part.ok) for part in await ours.health.parts()],
            relay_pending=int(_value(ours.metrics.gauge(RELAY_PENDING))),
            relay_lag_seconds=_value(ours.metrics.gauge(RELAY_LAG_SECONDS)),
            queues=[
                status_pb2.QueueDepth(queue=labels["queue"], messages=int(value))
                for labels, value in _samples(ours.metrics.gauge(QUEUE_DEPTH))
            ],
        )


def status(context: RpcContext) -> tuple[Any, StatusServicer]:
    """The servicer of this process, which counts as started now."""
    return status_pb2_grpc.add_StatusServicer_to_server, StatusServicer(context, context.clock.now())


def _value(gauge: Gauge) -> float:
    return next((value for _, value in _samples(gauge)), 0.0)


def _samples(gauge: Gauge) -> Iterator[tuple[dict[str, str], float]]:
    for family in gauge.collect():
        for sample in family.samples:
            yield dict(sample.labels), sample.value
