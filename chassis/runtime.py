"""What every process of the stack runs on, the gateway too: database, units of work, bus, relay, consumers, jobs, gRPC,
private port, gate and metrics; the order in which they start, and the one in which they stop.

An `HTTP` side comes on top: `app.py` brings the services' own, the gateway its pipeline.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, AsyncExitStack
from functools import partial
from hashlib import blake2b
from math import inf
from time import monotonic, time
from typing import Any

from chassis.bus.connection import Bus
from chassis.bus.inbox import INBOX
from chassis.bus.queue_admin import QueueAdmin
from chassis.bus.relay import Relay
from chassis.bus.shards import RELAYS
from chassis.bus.wakeups import WorkMessages
from chassis.caller import Call, Caller
from chassis.checks import PartsHealth, answers, is_up
from chassis.clock import Clock, SystemClock
from chassis.closures import ClosureSync
from chassis.entity import Entity
from chassis.gate import Gate
from chassis.gate_sync import GateSync
from chassis.health import Health
from chassis.http.calls import DeclaredCalls
from chassis.http.envelope import build_of, envelope_of
from chassis.http.idempotency import IDEMPOTENCY
from chassis.http.private import PrivatePort
from chassis.http.route import HttpContext
from chassis.http.token import sign, verify
from chassis.jobs.runner import JobRunner
from chassis.jobs.state import JOB_STATES
from chassis.mongo.client import Database
from chassis.mongo.leases import LEASES, Leases
from chassis.mongo.stored_records import MongoStoredRecords
from chassis.mongo.unit import MongoUnits
from chassis.observe import Observer
from chassis.resource_runner import ResourceRunner
from chassis.rpc.bus import bus as bus_servicer
from chassis.rpc.client import PEERS, Channels
from chassis.rpc.context import acting_for
from chassis.rpc.declaration import Served
from chassis.rpc.endpoints import RpcEndpoints
from chassis.rpc.graph import graph
from chassis.rpc.jobs import Runner
from chassis.rpc.jobs import jobs as jobs_servicer
from chassis.rpc.server import RpcServer
from chassis.rpc.statusinfo import status
from chassis.rpc.tls import tls_of
from chassis.rpc.vacuum import vacuum
from chassis.rpc.work import work as work_servicer
from chassis.sealing import Sealer
from chassis.service import Parts, Service, collect
from chassis.settings import BaseSettings, SettingsError
from chassis.telemetry import trace
from chassis.telemetry.log import get_logger
from chassis.telemetry.metrics import Metrics
from chassis.unit import Units
from chassis.vacuum import StoredRecords
from chassis.vacuum_targets import JobAnswers, Queues
from chassis.work.admin import WorkAdmin
from chassis.work.item import KEPT_ITEMS, KEPT_LINES, items_of, lines_of
from chassis.work.runner import WorkRunner

CHASSIS_ENTITIES: tuple[Entity[Any], ...] = (IDEMPOTENCY, INBOX, JOB_STATES, LEASES)
MACHINERY = frozenset({JOB_STATES.collection, RELAYS, KEPT_ITEMS.collection, KEPT_LINES.collection})
"""Collections in which running processes note that they run: no data, and no vacuum's business."""

OWN_KINDS: frozenset[type] = frozenset(
    {
        Service,
        BaseSettings,
        Clock,
        StoredRecords,
        Units,
        Sealer,
        Health,
        Channels,
        Gate,
        Metrics,
        Runner,
        RpcEndpoints,
    }
)
"""The types of the things every process holds, beside its settings' own struct and its resources."""

CALL_SECONDS = 30.0
"""What calls to other services on behalf of one request may take together."""

STOP_SECONDS_MIN = 0.5
"""What every part is given to stop, also when the time is over."""

CUT_OFF_SECONDS = 2.0
"""How much longer a part may take than it was told, until it is left behind."""

log = get_logger("chassis.runtime")


class Runtime:
    """One process's parts. `start()`, put an HTTP side on top, `serving(True)`; then `serving(False)`, `stop()`."""

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
        self.gate = Gate(self.clock)
        self.health = PartsHealth(self.metrics)
        self.bus = Bus(settings.amqp_url, service.name, settings.amqp_prefix)
        self.channels = Channels(addresses(settings), sign=self._sign, clock=self.clock, tls=tls_of(settings))
        self.private = PrivatePort(
            settings.private_host, settings.private_port, parts=self.health.parts, metrics=self.metrics
        )
        self.sealer = _sealer(settings, self.parts)
        self._resources = ResourceRunner(service.resources, doubles or {})
        self.provided = self._resources.check_against(OWN_KINDS | {type(settings)}, self.parts)
        self.rpc: RpcServer | None = None
        self.grpc_port = self.private_port = 0
        self._stack = AsyncExitStack()
        self._stop_by = inf

    async def start(self) -> None:
        """Start every part; what can't be started is raised, once those that were have been stopped."""
        async with AsyncExitStack() as stack:
            if self.settings.otel_exporter_otlp_endpoint:
                trace.enable(self.settings.otel_exporter_otlp_endpoint, self.service.name, self.settings.build_id)
                stack.callback(trace.disable)
            self.private_port = await self.private.start()
            stack.push_async_callback(self.private.stop)
            await self._start_data(stack)
            await self._start_work(stack)
            self._stack = stack.pop_all()

    async def serving(self, up: bool) -> None:
        """Tell readiness and gRPC health whether this process takes work."""
        self.private.ready = up
        if self.rpc is not None:
            await self.rpc.serving(up)

    async def stop(self, seconds: float | None = None) -> None:
        """Stop every part in the opposite order, work in flight first; what is not done in time is cut off."""
        self._stop_by = monotonic() + (self.settings.shutdown_seconds if seconds is None else seconds)
        await self._stack.aclose()

    async def _start_data(self, stack: AsyncExitStack) -> None:
        settings, name = self.settings, self.service.name
        self.database = await Database.connect(
            settings.mongodb_uri,
            settings.mongodb_database or name,
            driver=settings.mongodb_driver,
            engine=settings.mongodb_engine,
        )
        self._to_stop(stack, "database", self.database.close)
        self.health.add("database", answers(self.database.ping))
        queues = [worker.queue for worker in self.parts.workers]
        work = [entity for queue in queues for entity in (items_of(queue), lines_of(queue))]
        entities = [*self.parts.entities, *CHASSIS_ENTITIES, *work]
        self.units = MongoUnits(
            self.database,
            entities,
            self.clock,
            name,
            page_key=_page_key(settings),
            admit=self._admit,
            sealer=self.sealer,
        )
        await self.units.start()
        self._to_stop(stack, "units", self.units.stop)

    def around(self) -> HttpContext:
        """What endpoints need of this process, over HTTP or gRPC."""
        service = self.service
        return HttpContext(
            service=service.name,
            synonyms=service.synonyms,
            envelope=envelope_of(service, self.settings),
            build=build_of(self.settings),
            caller_key=self.settings.caller_key,
            units=self.units,
            gate=self.gate if service.gated else None,
            clock=self.clock,
            metrics=self.metrics,
            provided=self.provided,
            on_behalf=_on_behalf,
        )

    def _provide_own(self, jobs: JobRunner) -> None:
        """What every process holds; `OWN_KINDS` lists the types."""
        provided = self.provided
        provided.add(Service, self.service)
        provided.add(BaseSettings, self.settings)
        if type(self.settings) is not BaseSettings:
            provided.add(type(self.settings), self.settings)
        provided.add(Clock, self.clock)
        provided.add(StoredRecords, MongoStoredRecords(self.database))
        provided.add(Units, self.units)
        provided.add(Sealer, self.sealer)
        provided.add(Health, self.health)
        provided.add(Channels, self.channels)
        provided.add(Gate, self.gate)
        provided.add(Metrics, self.metrics)
        provided.add(Runner, jobs)
        provided.add(RpcEndpoints, RpcEndpoints(DeclaredCalls(self.parts.endpoints, self.around())))

    async def _start_work(self, stack: AsyncExitStack) -> None:
        """Bus, relay, gate, resources, gRPC, consumers and jobs; they stop in the opposite order."""
        settings, leases = self.settings, Leases(self.database, self.clock, self.settings.replica)
        self._to_stop(stack, "channels", self.channels.close)
        await self.bus.start()
        self._to_stop(stack, "bus", self.bus.stop)
        self.health.add("bus", is_up(lambda: self.bus.up))
        relay = Relay(self.database, self.bus, leases, self.units, clock=self.clock)
        await relay.start()
        self._to_stop(stack, "relay", lambda: relay.stop(self._left()))
        self.jobs = jobs = JobRunner(
            self.parts.jobs,
            units=self.units,
            leases=leases,
            clock=self.clock,
            gate=self.gate,
            replica=settings.replica,
            provided=self.provided,
        )
        self._provide_own(jobs)
        await self._watch_gate(stack)
        await self._resources.start(self.provided, self.metrics, self.health, partial(self._to_stop, stack))
        self.queue_admin = queue_admin = QueueAdmin(
            self.bus, self.parts.consumers, self.units, self.clock, self.gate, self.provided
        )
        self.work = work = WorkRunner(
            self.parts.workers,
            units=self.units,
            clock=self.clock,
            gate=self.gate,
            replica=settings.replica,
            provided=self.provided,
        )
        admin = WorkAdmin(self.parts.workers, self.units, self.database, self.clock)
        observer = Observer(self.metrics, self.gate, self.database, self.units, relay, queue_admin, jobs, work, admin)
        await observer.start()
        self._to_stop(stack, "observer", observer.stop)
        self.private.before_metrics = observer.look
        await self._open_rpc(stack, queue_admin, jobs, admin)
        await queue_admin.start()
        self._to_stop(stack, "consumers", lambda: queue_admin.stop(self._left()))
        await jobs.start()
        self._to_stop(stack, "jobs", lambda: jobs.stop(self._left()))
        self.units.on_work(work.wake)
        await work.start()
        self._to_stop(stack, "work", lambda: work.stop(self._left()))
        messages = WorkMessages(self.bus, list(work.queues), work.wake)
        await messages.start()
        self._to_stop(stack, "work messages", messages.stop)

    async def _watch_gate(self, stack: AsyncExitStack) -> None:
        """Know whether the process is closed before anything of it takes work."""
        if not self.service.gated:
            return
        watch = GateSync(self.gate, self.bus, self.channels, self.clock)
        await watch.start()
        self._to_stop(stack, "gate watch", watch.stop)
        closures = ClosureSync(self.gate, self.channels)
        await closures.start()
        self._to_stop(stack, "closure watch", closures.stop)

    async def _open_rpc(self, stack: AsyncExitStack, queue_admin: QueueAdmin, jobs: JobRunner, work: WorkAdmin) -> None:
        settings = self.settings
        self.rpc = server = RpcServer(
            settings.grpc_host,
            settings.grpc_port,
            self._servicers(queue_admin, jobs, work),
            service=self.service.name,
            clock=self.clock,
            metrics=self.metrics,
            verify=self._verify,
            check_secret=self.channels.check_secret,
            tls=tls_of(settings),
        )
        self.grpc_port = await server.start()
        self.health.add("rpc", is_up(lambda: self.grpc_port > 0))
        self._to_stop(stack, "rpc", lambda: server.stop(self._left()))

    def _servicers(self, queue_admin: QueueAdmin, jobs: JobRunner, work: WorkAdmin) -> list[Served]:
        """What every process answers over gRPC, then what its features declare."""
        name, entities, provided = self.service.name, self.parts.entities, self.provided
        vacuum_targets = [
            JobAnswers(self.database),
            Queues(queue_admin),
            *map(provided.make, self.parts.vacuum_targets),
        ]
        return [
            status(provided),
            graph(name, self.units, self.database, entities),
            vacuum(self.database, entities, vacuum_targets, MACHINERY),
            bus_servicer(queue_admin),
            jobs_servicer(jobs),
            work_servicer(work),
            *(servicer.made_of(provided) for servicer in self.parts.servicers),
        ]

    def _to_stop(self, stack: AsyncExitStack, name: str, stop: Callable[[], Awaitable[None]]) -> None:
        """Have a part stopped when its turn comes, and left behind when it does not end in time."""

        async def stop_in_time() -> None:
            try:
                async with asyncio.timeout(self._left() + CUT_OFF_SECONDS):
                    await stop()
            except TimeoutError:
                log.warning("a part did not stop in time", what=name)

        stack.push_async_callback(stop_in_time)

    def _left(self) -> float:
        """Seconds that are left to stop."""
        return max(STOP_SECONDS_MIN, min(self._stop_by - monotonic(), self.settings.shutdown_seconds))

    def _admit(self, call: Call) -> None:
        self.gate.check_write(call.caller)

    def _sign(self, caller: Caller, request_id: str) -> str:
        return sign(caller, request_id, self.settings.caller_key, time())

    def _verify(self, token: str) -> tuple[Caller, str]:
        return verify(token, self.settings.caller_key, time())


def _on_behalf(call: Call, seconds: float = CALL_SECONDS) -> AbstractContextManager[None]:
    return acting_for(call, seconds)


def addresses(settings: BaseSettings) -> dict[str, tuple[str, ...]]:
    """Where each peer of the stack answers gRPC, as `Channels` takes it."""
    return {peer: getattr(settings, f"{peer}_grpc") for peer in PEERS}


def _sealer(settings: BaseSettings, parts: Parts) -> Sealer:
    """Seals secrets of records under the keys that the settings name; SettingsError where there are none to use."""
    sealer = Sealer(settings.sealing_keys())
    having = [entity.name for entity in parts.entities if entity.seals]
    if having and not sealer.usable:
        raise SettingsError(f"the settings name no keys to seal the secrets of {', '.join(having)} with")
    return sealer


def _page_key(settings: BaseSettings) -> bytes:
    """Seals page tokens, the same in all replicas; derived where none was given."""
    if settings.page_key:
        return settings.page_key.encode()
    return blake2b(b"page tokens", key=settings.caller_key.encode()[:64]).digest()
