"""`Status`, served by every process: build, gate, health of parts, relay and queues, for the operator's `status`."""

from collections.abc import Iterator
from typing import Any

from prometheus_client import Gauge

from chassis.clock import Clock
from chassis.gate import Gate
from chassis.health import Health
from chassis.provided import Provided
from chassis.rpc.declaration import Served
from chassis.rpc.interceptors import EVERY_SERVICE
from chassis.service import Service
from chassis.settings import BaseSettings
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import QUEUE_DEPTH, RELAY_LAG_SECONDS, RELAY_PENDING
from retailstack.chassis.v1 import status_pb2, status_pb2_grpc


class StatusServicer(status_pb2_grpc.StatusServicer):
    """Reports the state of this process, without calls to other services.

    Open without credentials: it is needed most when other services are down, including OPS, which checks secrets.
    """

    access = "open"
    callers = EVERY_SERVICE

    def __init__(
        self,
        service: Service,
        settings: BaseSettings,
        *,
        clock: Clock,
        gate: Gate,
        health: Health,
        metrics: Metrics,
    ) -> None:
        self._service = service
        self._settings = settings
        self._gate = gate
        self._health = health
        self._metrics = metrics
        self._started_utc = clock.now()

    async def Get(self, request: status_pb2.GetStatusRequest, context: Any) -> status_pb2.GetStatusResponse:
        settings, metrics = self._settings, self._metrics
        return status_pb2.GetStatusResponse(
            service=self._service.name,
            replica=settings.replica,
            build_id=settings.build_id,
            build_major=settings.build_major,
            build_minor=settings.build_minor,
            started_utc=self._started_utc,
            gate="open" if self._gate.open else "closed",
            parts=[status_pb2.PartHealth(part=part.name, ok=part.ok) for part in await self._health.parts()],
            relay_pending=int(_value(metrics.gauge(RELAY_PENDING))),
            relay_lag_seconds=_value(metrics.gauge(RELAY_LAG_SECONDS)),
            queues=[
                status_pb2.QueueDepth(queue=labels["queue"], messages=int(value))
                for labels, value in _samples(metrics.gauge(QUEUE_DEPTH))
            ],
        )


def status(provided: Provided) -> Served:
    """The servicer of this process; its start time is now."""
    return status_pb2_grpc.add_StatusServicer_to_server, provided.make(StatusServicer)


def _value(gauge: Gauge) -> float:
    return next((value for _, value in _samples(gauge)), 0.0)


def _samples(gauge: Gauge) -> Iterator[tuple[dict[str, str], float]]:
    for family in gauge.collect():
        for sample in family.samples:
            yield dict(sample.labels), sample.value
