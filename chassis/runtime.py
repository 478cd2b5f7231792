"""The parts every process of the stack has, the gateway too, and the order in which they start: private port, database,
units of work, bus, relay, gate, resources, gRPC, consumers, jobs, workers. They stop in the opposite order.

The HTTP side is added by `app.py` for services, and by the gateway for itself.
"""

from collections.abc import Callable, Mapping
from typing import Any

from chassis.auth.token import Signer, Verifier
from chassis.bus.connection import Bus
from chassis.bus.queue_admin import QueueAdmin
from chassis.bus.relay import Relay
from chassis.bus.wakeups import WorkMessages
from chassis.caller import Call
from chassis.clock import Clock, SystemClock
from chassis.database import open_database, units_over
from chassis.engine_metrics import Observer
from chassis.errors import Unavailable
from chassis.from_settings import addresses_of, page_key_of, public_keys_of, sealer_of, signing_key_of
from chassis.gate import Gate
from chassis.gate_following import follow_gate
from chassis.generic_servicers import generic_servicers
from chassis.health import Health
from chassis.health_checks import PartsHealth, answers, is_up
from chassis.http.calls import DeclaredCalls
from chassis.http.envelope import build_of, envelope_of
from chassis.http.private import PrivatePort
from chassis.http.route import HttpContext
from chassis.jobs.runner import JobRunner
from chassis.mongo.client import Database
from chassis.mongo.leases import Leases
from chassis.mongo.stored_records import MongoStoredRecords
from chassis.mongo.unit import MongoUnits
from chassis.resource_runner import ResourceRunner
from chassis.rpc.client import Channels
from chassis.rpc.context import on_behalf
from chassis.rpc.declaration import Served
from chassis.rpc.endpoints import RpcEndpoints
from chassis.rpc.server import RpcServer
from chassis.rpc.tls import tls_of
from chassis.sealing import Sealer
from chassis.service import Parts, Service, collect
from chassis.settings import BaseSettings
from chassis.stopping import Stops
from chassis.telemetry import trace
from chassis.telemetry.loop_watch import LoopWatch
from chassis.telemetry.metrics import Metrics
from chassis.unit import Commits, Units
from chassis.vacuum import StoredRecords
from chassis.work.admin import WorkAdmin
from chassis.work.runner import WorkRunner

OUTBOX_RETRY_SECONDS = 5


class Runtime:
    """One process's parts. `start()`, open the HTTP side, `serving(True)`; to stop, `serving(False)`, `stop()`."""

    database: Database
    queue_admin: QueueAdmin
    jobs: JobRunner
    units: MongoUnits
    work: WorkRunner

    def __init__(
        self,
        service: Service,
        settings: BaseSettings,
        clock: Clock | None = None,
        doubles: Mapping[Any, Any] | None = None,
    ) -> None:
        self.service = service
        self.settings = settings
        self.clock = clock or SystemClock()
        self.parts: Parts = collect(service)
        self.metrics = Metrics()
        self.loop_watch = LoopWatch(self.metrics)
        self.gate = Gate(self.clock)
        self.health = PartsHealth(self.metrics)
        self.bus = Bus(settings.amqp_url, service.name, settings.amqp_prefix)
        self.signer = Signer(service.name, signing_key_of(settings, service.name))
        self.verifier = Verifier(service.name, public_keys_of(settings))
        self.channels = Channels(addresses_of(settings), sign=self.signer.sign, clock=self.clock, tls=tls_of(settings))
        self.private = PrivatePort(
            settings.private_host,
            settings.private_port,
            parts=self.health.parts,
            metrics=self.metrics,
            is_needed=self.health.is_needed,
        )
        self.sealer = sealer_of(settings, self.parts)
        self._resources = ResourceRunner(service.resources, doubles or {})
        self.provided = self._resources.check_against(frozenset({*OWN_THINGS, type(settings)}), self.parts)
        self.rpc: RpcServer | None = None
        self.relay: Relay | None = None
        self.grpc_port = self.private_port = 0
        self._stops = Stops(settings.shutdown_seconds)

    async def start(self) -> None:
        """Start every part. If one fails, those that started are stopped before its error is raised."""
        try:
            self._start_tracing()
            self.loop_watch.start()
            self._stops.add("loop watch", self.loop_watch.stop)
            self.private_port = await self.private.start()
            self._stops.add("private port", self.private.stop)
            await self._start_data()
            await self._start_work()
        except BaseException:
            await self.stop()
            raise

    async def serving(self, up: bool) -> None:
        """Tell readiness and gRPC health whether this process takes work."""
        self.private.ready = up
        if self.rpc is not None:
            await self.rpc.serving(up)

    async def stop(self, seconds: float | None = None) -> None:
        """Stop every part in the opposite order, work in flight first; what is not done in time is cut off."""
        await self._stops.stop(self.settings.shutdown_seconds if seconds is None else seconds)

    def _start_tracing(self) -> None:
        if not self.settings.otel_exporter_otlp_endpoint:
            return
        trace.enable(self.settings.otel_exporter_otlp_endpoint, self.service.name, self.settings.build_id)

        async def disable() -> None:
            trace.disable()

        self._stops.add("tracing", disable)

    async def _start_data(self) -> None:
        self.database = await open_database(self.settings, self.service.name)
        self._stops.add("database", self.database.close)
        self.health.add("database", answers(self.database.ping))
        self.units = units_over(
            self.database,
            self.service.name,
            self.parts,
            settings=self.settings,
            clock=self.clock,
            admit=self._admit,
            sealer=self.sealer,
        )
        await self.units.start()
        self._stops.add("units", self.units.stop)

    def http_context(self) -> HttpContext:
        """What endpoints need of this process, over HTTP or gRPC."""
        service = self.service
        return HttpContext(
            service=service.name,
            synonyms=service.synonyms,
            envelope=envelope_of(service, self.settings),
            build=build_of(self.settings),
            verify=self.verifier.verify,
            units=self.units,
            gate=self.gate if service.gated else None,
            clock=self.clock,
            metrics=self.metrics,
            provided=self.provided,
            on_behalf=on_behalf,
        )

    def _provide_own(self) -> None:
        for kind, thing_of in OWN_THINGS.items():
            self.provided.add(kind, thing_of(self))
        if type(self.settings) is not BaseSettings:
            self.provided.add(type(self.settings), self.settings)

    async def _start_work(self) -> None:
        """Bus, relay, gate, resources, gRPC, consumers and jobs; they stop in the opposite order."""
        settings, leases = self.settings, Leases(self.database, self.clock, self.settings.replica)
        self._stops.add("channels", self.channels.close)
        await self.bus.start()
        self._stops.add("bus", self.bus.stop)
        # Not needed: without the broker calls are answered, and events wait in the database.
        self.health.add("bus", is_up(lambda: self.bus.up), needed=False)
        self.relay = relay = Relay(
            self.database, self.bus, leases, self.units, clock=self.clock, events_max=settings.outbox_events_max
        )
        await relay.start()
        self._stops.add("relay", lambda: relay.stop(self._stops.left()))
        self.jobs = jobs = JobRunner(
            self.parts.jobs,
            units=self.units,
            leases=leases,
            clock=self.clock,
            gate=self.gate,
            replica=settings.replica,
            provided=self.provided,
            shared=lambda: relay.shared,
        )
        self._provide_own()
        if self.service.gated:
            await follow_gate(self.gate, self.bus, self.channels, self.clock, self._stops.add)
        await self._resources.start(self.provided, self.metrics, self.health, self._stops.add)
        self.queue_admin = queue_admin = QueueAdmin(
            self.bus, self.parts.consumers, self.units, self.clock, self.gate, self.provided
        )
        names = [worker.queue.name for worker in self.parts.workers]
        messages = WorkMessages(self.bus, names, self._wake_work)
        self.work = work = WorkRunner(
            self.parts.workers,
            units=self.units,
            clock=self.clock,
            gate=self.gate,
            replica=settings.replica,
            provided=self.provided,
            receives_messages=messages.up.is_set,
        )
        admin = WorkAdmin(self.parts.workers, self.units, self.database, self.clock)
        observer = Observer(self.metrics, self.gate, self.database, self.units, relay, queue_admin, jobs, work, admin)
        self.private.before_metrics = observer.look
        await self._open_rpc(admin)
        await queue_admin.start()
        self._stops.add("consumers", lambda: queue_admin.stop(self._stops.left()))
        await jobs.start()
        self._stops.add("jobs", lambda: jobs.stop(self._stops.left()))
        self.units.on_commit(jobs.wake)
        self.units.on_work(work.wake)
        await work.start()
        self._stops.add("work", lambda: work.stop(self._stops.left()))
        await messages.start()
        self._stops.add("work messages", messages.stop)

    def _wake_work(self, queue: str) -> None:
        self.work.wake(queue)

    async def _open_rpc(self, work: WorkAdmin) -> None:
        settings = self.settings
        self.rpc = server = RpcServer(
            settings.grpc_host,
            settings.grpc_port,
            self._servicers(work),
            service=self.service.name,
            clock=self.clock,
            metrics=self.metrics,
            verify=self.verifier.verify,
            check_secret=self.channels.check_secret,
            tls=tls_of(settings),
            reuse_port=settings.grpc_reuse_port,
        )
        self.grpc_port = await server.start()
        self.health.add("rpc", is_up(lambda: self.grpc_port > 0))
        self._stops.add("rpc", lambda: server.stop(self._stops.left()))

    def _servicers(self, work: WorkAdmin) -> list[Served]:
        generic = generic_servicers(
            self.service.name,
            self.parts,
            self.provided,
            clock=self.clock,
            page_key=page_key_of(self.settings),
            database=self.database,
            queue_admin=self.queue_admin,
            job_runner=self.jobs,
            work_admin=work,
        )
        return [*generic, *(servicer.made_of(self.provided) for servicer in self.parts.servicers)]

    def _admit(self, call: Call) -> None:
        self.gate.check_write(call.caller)
        if self.relay is not None and self.relay.full:
            raise Unavailable("too many events wait for the event bus", OUTBOX_RETRY_SECONDS)


OWN_THINGS: Mapping[type, Callable[[Runtime], object]] = {
    Service: lambda runtime: runtime.service,
    BaseSettings: lambda runtime: runtime.settings,
    Clock: lambda runtime: runtime.clock,
    Database: lambda runtime: runtime.database,
    StoredRecords: lambda runtime: MongoStoredRecords(runtime.database),
    Units: lambda runtime: runtime.units,
    Commits: lambda runtime: runtime.relay,
    Sealer: lambda runtime: runtime.sealer,
    Health: lambda runtime: runtime.health,
    Channels: lambda runtime: runtime.channels,
    Gate: lambda runtime: runtime.gate,
    Signer: lambda runtime: runtime.signer,
    Metrics: lambda runtime: runtime.metrics,
    RpcEndpoints: lambda runtime: RpcEndpoints(DeclaredCalls(runtime.parts.endpoints, runtime.http_context())),
}
"""What every process provides to handlers by type, beside its own settings struct and its resources."""
