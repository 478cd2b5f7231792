"""A servicer that does as it is told, and a server to put it in."""

from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from chassis.auth.token import Verified
from chassis.caller import Call, Caller
from chassis.clock import Clock, SystemClock
from chassis.errors import Unauthorized
from chassis.gate import Gate
from chassis.health import PartHealth
from chassis.rpc.client import Channels
from chassis.rpc.declaration import Served
from chassis.rpc.interceptors import EVERY_SERVICE, SecretVerdict, Verify
from chassis.rpc.process_status import StatusServicer
from chassis.rpc.server import RpcServer
from chassis.rpc.tls import Tls
from chassis.service import Service
from chassis.telemetry.metrics import Metrics
from retailstack.chassis.v1 import vacuum_pb2, vacuum_pb2_grpc
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest

SECRET = "open sesame, please"
USER = Caller(kind="user", actor="u-1", orgcode="ACME", roles=frozenset({"ics_view"}))


class Token(msgspec.Struct):
    """What stands in the token of these tests: who, and for which service."""

    caller: Caller
    audience: str


def sign(caller: Caller, audience: str, _: str | None = None) -> str:
    return msgspec.json.encode(Token(caller, audience)).decode()


def verify(token: str) -> Verified:
    try:
        said = msgspec.json.decode(token, type=Token)
    except msgspec.DecodeError:
        raise Unauthorized("not a token") from None
    return Verified(caller=said.caller, issuer="visualgrid", expires=0, token=token)


class AnyCaller(dict[str, Collection[str]]):
    """Lets every service call everything."""

    def get(self, *_: Any) -> Any:
        return EVERY_SERVICE


class AllUp:
    """Every part answers."""

    async def parts(self) -> list[PartHealth]:
        return [PartHealth(name="database", ok=True, latency_ms=1.0), PartHealth(name="bus", ok=False, latency_ms=0.0)]


class ScriptedServicer(vacuum_pb2_grpc.VacuumServicer):
    """Answers with what `count` and `delete` give."""

    access = "caller"

    def __init__(self) -> None:
        self.calls = 0
        self.count: Callable[[str], Awaitable[int]] | None = None

    async def check_secret(self, code: str, peer: str) -> SecretVerdict:
        return SecretVerdict(ok=code == SECRET)

    async def Count(self, request: vacuum_pb2.VacuumRequest, context: Any) -> vacuum_pb2.VacuumTallies:
        self.calls += 1
        matched = await self.count(request.orgcode) if self.count else 0
        return vacuum_pb2.VacuumTallies(collections=[vacuum_pb2.VacuumTally(collection="zones", matched=matched)])

    async def Delete(self, request: vacuum_pb2.VacuumRequest, context: Any) -> AsyncIterator[vacuum_pb2.VacuumTally]:
        for deleted in range(3):
            if self.count:
                await self.count(str(deleted))
            yield vacuum_pb2.VacuumTally(collection="zones", deleted=deleted)


class OpenServicer(ScriptedServicer):
    """Looks after its callers itself."""

    access = "open"


def a_service(name: str = "ics") -> Service:
    return Service(name=name, settings=object, package=f"services.{name}", features=[], roles={})


def a_status(settings: Any) -> StatusServicer:
    """The status of a process with these settings, whose parts are as `AllUp` says."""
    clock = SystemClock()
    return StatusServicer(a_service(), settings, clock=clock, gate=Gate(clock), health=AllUp(), metrics=Metrics())


async def never_right(code: str, peer: str) -> SecretVerdict:
    return SecretVerdict(ok=False)


def a_server(
    *servicers: Served,
    port: int = 0,
    clock: Clock | None = None,
    tls: Tls | None = None,
    verify: Verify = verify,
    any_caller: bool = True,
) -> RpcServer:
    """A server of these servicers, by the name of ICS; no code is the operator's but for a servicer's own check.

    `any_caller`: whatever the servicers say, every service may call them.
    """
    server = RpcServer(
        "127.0.0.1",
        port,
        servicers,
        service="ics",
        clock=clock or SystemClock(),
        metrics=Metrics(),
        verify=verify,
        check_secret=never_right,
        tls=tls,
    )
    if any_caller:
        server._gatekeeper.callers = AnyCaller()
    return server


@asynccontextmanager
async def serving(servicer: ScriptedServicer, port: int = 0, tls: Tls | None = None) -> AsyncIterator[RpcServer]:
    """A server with this servicer, up while the block lasts."""
    server = a_server((vacuum_pb2_grpc.add_VacuumServicer_to_server, servicer), port=port, tls=tls)
    await server.start()
    await server.serving(True)
    try:
        yield server
    finally:
        await server.stop(0)


@asynccontextmanager
async def calling(*servers: RpcServer, **options: Any) -> AsyncIterator["vacuum_pb2_grpc.VacuumAsyncStub"]:
    """A stub over these servers, signed unless told otherwise."""
    options.setdefault("sign", sign)
    channels = Channels({"ics": [f"127.0.0.1:{server.port}" for server in servers]}, **options)
    try:
        yield vacuum_pb2_grpc.VacuumStub(channels.channel("ics"))
    finally:
        await channels.close()


def a_call(caller: Caller = USER) -> Call:
    """A call of this caller that begins now."""
    return Call(caller=caller, name="test", request_id="r-1", started_utc=SystemClock().now())


async def collect_tallies(stub: Any, seen: list[int]) -> None:
    """Call `Delete`; add the tallies of its answer to `seen` as they arrive."""
    async for tally in stub.Delete(VacuumRequest()):
        seen.append(tally.deleted)  # noqa: PERF401  what came before the refusal counts
