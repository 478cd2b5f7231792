"""A service's gRPC port: servicers, health, reflection, and a graceful stop.

A feature's `rpc.py` declares `servicers` (`chassis/rpc/declaration.py`). One with `access = "open"` checks its callers
itself; all others require a caller signed by the stack, or the operator's secret code. `callers` lists the services of
the stack that may call it, for themselves or for their own callers: none unless it says so. OPS checks the codes,
unless one of the servicers has its own `check_secret`. A servicer with long-polling calls
answers them in its method `release`, when the server stops.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection  # type: ignore[import-untyped]

from chassis.clock import Clock
from chassis.rpc.declaration import Add, Served
from chassis.rpc.interceptors import CheckSecret, Gatekeeper, Verify
from chassis.rpc.refusals import METADATA_BYTES_MAX
from chassis.rpc.tls import Tls
from chassis.telemetry.metrics import Metrics

CONCURRENT_CALLS_MAX = 2000
MESSAGE_BYTES_MAX = 16 * 1024 * 1024
CONNECTION_AGE_SECONDS = 60
"""Age in seconds at which a connection is closed, so that callers resolve the replicas again."""

CONNECTION_GRACE_SECONDS = 3600
"""Seconds that calls on such a connection may still take: a vacuum streams for long."""

_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", MESSAGE_BYTES_MAX),
    ("grpc.max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.absolute_max_metadata_size", METADATA_BYTES_MAX),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_connection_age_ms", CONNECTION_AGE_SECONDS * 1000),
    ("grpc.max_connection_age_grace_ms", CONNECTION_GRACE_SECONDS * 1000),
)


class RpcServer:
    """One gRPC port: `start()`, then `serving(True)`; later `serving(False)` and `stop()`."""

    def __init__(
        self,
        host: str,
        port: int,
        servicers: Sequence[Served],
        *,
        service: str,
        clock: Clock,
        metrics: Metrics,
        verify: Verify,
        check_secret: CheckSecret,
        tls: Tls | None = None,
        reuse_port: bool = False,
    ) -> None:
        self.host = host
        self.port = port
        self.names: list[str] = []
        self.metrics = metrics
        self._servicers = servicers
        self._tls = tls
        self._open_services: set[str] = set()
        self._releases: list[Callable[[], None]] = []
        self._callers: dict[str, Collection[str]] = {}
        self._health = health.aio.HealthServicer()
        self._gatekeeper = Gatekeeper(
            service,
            clock,
            verify=verify,
            check_secret=check_secret,
            open_services=self._open_services,
            callers=self._callers,
            metrics=metrics,
        )
        self._server = grpc.aio.server(
            interceptors=[self._gatekeeper],
            # Off unless asked for: with it two processes could share a port by mistake.
            options=(("grpc.so_reuseport", int(reuse_port)), *_OPTIONS),
            maximum_concurrent_rpcs=CONCURRENT_CALLS_MAX,
        )

    async def start(self) -> int:
        """Open the port and return its number; health is NOT_SERVING. Raises RuntimeError if the port is taken."""
        for add, servicer in self._servicers:
            self._add(add, servicer)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        shown = [*self.names, health.SERVICE_NAME, reflection.SERVICE_NAME]
        reflection.enable_server_reflection(shown, self._server)
        await self.serving(False)
        address = f"{self.host}:{self.port}"
        if self._tls is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, self._tls.server())
        await self._server.start()
        return self.port

    def _add(self, add: Add, servicer: Any) -> None:
        recorder = _Recorder(self._server)
        add(servicer, recorder)
        self.names += recorder.names
        if getattr(servicer, "access", "caller") == "open":
            self._open_services.update(recorder.names)
        for name in recorder.names:
            self._callers[name] = getattr(servicer, "callers", ())
        if (release := getattr(servicer, "release", None)) is not None:
            self._releases.append(release)
        own_check: CheckSecret | None = getattr(servicer, "check_secret", None)
        if own_check is not None:
            self.check_codes(own_check)

    def check_codes(self, check_secret: CheckSecret) -> None:
        """Let this check the operator's codes from now on."""
        self._gatekeeper.check_secret = check_secret

    async def serving(self, up: bool) -> None:
        """Set the health status of the server and of each service."""
        state = health_pb2.HealthCheckResponse.SERVING if up else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in (health.OVERALL_HEALTH, *self.names):
            await self._health.set(name, state)

    async def stop(self, seconds: float) -> None:
        """Accept no more calls, wait up to `seconds` for those in flight, then cancel them."""
        await self._health.enter_graceful_shutdown()
        for release in self._releases:
            release()
        await self._server.stop(seconds)


class _Recorder:
    """Stands in for the server while a servicer is added, to record its service names."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.names: list[str] = []

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        self.names += [handler.service_name() for handler in handlers]
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service_name: str, method_handlers: Any) -> None:
        self._server.add_registered_method_handlers(service_name, method_handlers)
