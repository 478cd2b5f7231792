"""What every process of the stack runs on, the gateway too: database, units of work, bus, relay, consumers, jobs, gRPC,
private port, gate and metrics; the order in which they start, and the one in which they stop.

An `HTTP` side comes on top: `app.py` brings the services' own, the gateway its pipeline.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from hashlib import blake2b
from math import inf
from time import monotonic, time
from typing import Any

from chassis.bus.desk import BusDesk
from chassis.bus.inbox import INBOX
from chassis.bus.link import Bus
from chassis.bus.relay import Relay
from chassis.caller import Caller
from chassis.clock import Clock, SystemClock
from chassis.entity import Entity
from chassis.gate import Gate
from chassis.health import Health, PartHealth
from chassis.http.idempotency import IDEMPOTENCY
from chassis.http.private import PrivatePort
from chassis.http.token import sign, verify
from chassis.jobs import JOB_STATES, JobRunner
from chassis.mongo.client import Database
from chassis.mongo.leases import LEASES, Leases
from chassis.mongo.unit import MongoUnits
from chassis.observe import Observer
from chassis.rpc.bus import bus_servicer
from chassis.rpc.client import PEERS, Channels
from chassis.rpc.jobs import jobs_servicer
from chassis.rpc.server import RpcContext, RpcServer
from chassis.rpc.statusinfo import status
from chassis.rpc.tls import Tls
from chassis.service import Parts, Service, collect
from chassis.settings import BaseSettings, SettingsError
from chassis.telemetry import trace
from chassis.telemetry.log import get_logger
from chassis.telemetry.metrics import Metrics
from chassis.unit import Units
from chassis.watch import GateWatch

CHASSIS_ENTITIES: tuple[Entity[Any], ...] = (IDEMPOTENCY, INBOX, JOB_STATES, LEASES)
Check = Callable[[], Awaitable[bool]]

STOP_SECONDS_MIN = 0.5
"""What every part is given to stop, also when the time is over."""

PART_SECONDS = 2.0
"""How long a part may take to say that it is up."""

log = get_logger("chassis.runtime")


class Runtime:
    """One process's parts. `start()`, put an HTTP side on top, `serving(True)`; then `serving(False)`, `stop()`."""

    database: Database
    desk: BusDesk
    units: MongoUnits
    private: PrivatePort

    def __init__(self, service: Service, settings: BaseSettings, clock: Clock | None = None) -> None:
        self.service = service
        self.settings = settings
        self.clock = clock or SystemClock()
        self.parts: Parts = collect(service)
        self.metrics = Metrics()
        self.gate = Gate(self.clock)
        self.health = PartsHealth(service, settings)
        self.bus = Bus(settings.amqp_url, service.name, settings.amqp_prefix)
        self.channels = Channels(addresses(settings), sign=self._sign, clock=self.clock, tls=_tls(settings))
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

    @property
    def provided(self) -> dict[type, Any]:
        """What a handler may ask for, by type."""
        return {
            Units: self.units,
            Health: self.health,
            type(self.settings): self.settings,
            Clock: self.clock,
            Channels: self.channels,
        }

    async def _start_data(self, stack: AsyncExitStack) -> None:
        settings, name = self.settings, self.service.name
        self.database = await Database.connect(
            settings.mongodb_uri,
            settings.mongodb_database or name,
            driver=settings.mongodb_driver,
            embedded=True if settings.mongodb_engine == "embedded" else None,
        )
        stack.push_async_callback(self.database.close)
        self.health.add("database", _answers(self.database.ping))
        entities = [*self.parts.entities, *CHASSIS_ENTITIES]
        self.units = MongoUnits(self.database, entities, self.clock, name, page_key=_page_key(settings))
        await self.units.start()
        stack.push_async_callback(self.units.stop)

    async def _start_work(self, stack: AsyncExitStack) -> None:
        """Bus, relay, gate, consumers, jobs and the two ports, each stopped before what it stands on."""
        settings, leases = self.settings, Leases(self.database, self.clock, self.settings.replica)
        stack.push_async_callback(self.channels.close)
        await self._run_part(stack, self.bus)
        self.health.add("bus", _is_up(lambda: self.bus.up))
        relay = Relay(self.database, self.bus, leases, self.units, clock=self.clock)
        await self._run_part(stack, relay, in_time=True)
        self.desk = desk = BusDesk(self.bus, self.parts.consumers, self.units, self.clock, self.gate)
        jobs = JobRunner(
            self.parts.jobs,
            units=self.units,
            leases=leases,
            clock=self.clock,
            gate=self.gate,
            replica=settings.replica,
        )
        observer = Observer(self.metrics, self.gate, self.database, self.units, relay, desk, jobs)
        await self._run_part(stack, observer)
        await self._open_private(stack, observer)
        await self._open_rpc(stack, desk, jobs)
        if self.service.gated:
            await self._run_part(stack, GateWatch(self.gate, self.bus, self.channels, self.clock))
        await self._run_part(stack, desk, in_time=True)
        await self._run_part(stack, jobs, in_time=True)

    async def _open_private(self, stack: AsyncExitStack, observer: Observer) -> None:
        settings = self.settings
        self.private = PrivatePort(
            settings.private_host,
            settings.private_port,
            parts=self.health.parts,
            metrics=self.metrics,
            before_metrics=observer.look,
        )
        self.private_port = await self.private.start()
        stack.push_async_callback(self.private.stop)

    async def _open_rpc(self, stack: AsyncExitStack, desk: BusDesk, jobs: JobRunner) -> None:
        settings = self.settings
        context = RpcContext(
            service=self.service,
            settings=settings,
            clock=self.clock,
            units=self.units,
            parts=self.parts,
            channels=self.channels,
            database=self.database,
            gate=self.gate,
            metrics=self.metrics,
            health=self.health,
        )
        generic = [status, bus_servicer(desk), jobs_servicer(jobs)]
        self.rpc = RpcServer(
            settings.grpc_host,
            settings.grpc_port,
            [*generic, *self.parts.servicers],
            context,
            verify=self._verify,
            tls=_tls(settings),
        )
        self.grpc_port = await self.rpc.start()
        self.health.add("rpc", _is_up(lambda: self.grpc_port > 0))
        stack.push_async_callback(self._in_time(self.rpc.stop))

    async def _run_part(self, stack: AsyncExitStack, part: Any, *, in_time: bool = False) -> None:
        """Start a part, and have it stopped when its turn comes; `in_time`: it is told how many seconds it has."""
        await part.start()
        stack.push_async_callback(self._in_time(part.stop) if in_time else part.stop)

    def _in_time(self, stop: Callable[[float], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        return lambda: stop(max(STOP_SECONDS_MIN, self._stop_by - monotonic()))

    def _sign(self, caller: Caller, request_id: str) -> str:
        return sign(caller, request_id, self.settings.caller_key, time())

    def _verify(self, token: str) -> tuple[Caller, str]:
        return verify(token, self.settings.caller_key, time())


class PartsHealth:
    """Asks the parts of a process how they are, all at once, each within a deadline."""

    def __init__(self, service: Service, settings: BaseSettings) -> None:
        self._checks: dict[str, Check] = {}
        self._own_check = service.check
        self._settings = settings

    def add(self, name: str, check: Check) -> None:
        """A part, and how to ask it."""
        self._checks[name] = check

    async def parts(self) -> Sequence[PartHealth]:
        """Every part as it is now."""
        asked = [_ask(name, check) for name, check in self._checks.items()]
        own = [] if self._own_check is None else await self._own(self._own_check)
        return [*await asyncio.gather(*asked), *own]

    async def _own(self, check: Callable[[Any], Awaitable[Mapping[str, bool]]]) -> list[PartHealth]:
        """What the service itself stands on."""
        started = monotonic()
        try:
            async with asyncio.timeout(PART_SECONDS):
                found = await check(self._settings)
        except Exception as failure:  # noqa: BLE001  whatever it is, the part is down
            log.warning("the service's own check failed", problem=repr(failure))
            found = {"service": False}
        return [PartHealth(name=name, ok=ok, latency_ms=_millis_since(started)) for name, ok in found.items()]


async def _ask(name: str, check: Check) -> PartHealth:
    started = monotonic()
    try:
        async with asyncio.timeout(PART_SECONDS):
            ok = await check()
    except Exception as failure:  # noqa: BLE001  whatever it is, the part is down
        log.warning("a part is down", what=name, problem=repr(failure))
        ok = False
    return PartHealth(name=name, ok=ok, latency_ms=_millis_since(started))


def _answers(ping: Callable[[], Awaitable[Any]]) -> Check:
    async def check() -> bool:
        await ping()
        return True

    return check


def _is_up(look: Callable[[], bool]) -> Check:
    async def check() -> bool:
        return look()

    return check


def _millis_since(started: float) -> float:
    return round((monotonic() - started) * 1000, 3)


def addresses(settings: BaseSettings) -> dict[str, str]:
    """Where each peer of the stack answers gRPC, as `Channels` takes it."""
    return {peer: ",".join(getattr(settings, f"{peer}_grpc")) for peer in PEERS}


def _page_key(settings: BaseSettings) -> bytes:
    """Seals page tokens, the same in all replicas; derived where none was given."""
    if settings.page_key:
        return settings.page_key.encode()
    return blake2b(b"page tokens", key=settings.caller_key.encode()[:64]).digest()


def _tls(settings: BaseSettings) -> Tls | None:
    pems = (settings.grpc_tls_certificate, settings.grpc_tls_key, settings.grpc_tls_authority)
    if not any(pems):
        return None
    if not all(pems):
        raise SettingsError("GRPC_TLS_CERTIFICATE, GRPC_TLS_KEY and GRPC_TLS_AUTHORITY go together")
    return Tls(certificate=pems[0], key=pems[1], authority=pems[2])
