"""Shared by the gateway's tests: settings, a stub directory, a stub service on a real socket, a raw HTTP client."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.web_request import BaseRequest

from chassis.caller import Caller
from chassis.clock import FixedClock, SystemClock, Utc
from chassis.cpu_pool import CpuPool
from chassis.gate import Gate
from chassis.settings import load
from chassis.testing.keys import key_environ, signer_of, verifier_of
from gateway.caller.credential import Credential
from gateway.caller.resolve import UNKNOWN, Identity, Membership, Resolution
from gateway.limits.limits import Limits
from gateway.server import GatewayServer
from gateway.settings import GatewaySettings
from gateway.telemetry.counts import Counts
from gateway.upstream.client import client_of
from tests import waiting

SESSION = "0193a1b2-aaaa-4bbb-8ccc-0123456789ab"
KEY = "rsk_0193a1b2-0000-7000-8000-000000000001_kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
ORG = "DEMO0001"
OTHER_ORG = "DEMO0002"
CALLER_KEY = "caller-key-of-the-tests-0123456789abcdef"
GATEWAY_KEY = "gateway-key-of-the-tests-0123456789abcde"
USER_ID = "0193a1b2-0000-7000-8000-00000000000a"
NOON = Utc("2026-01-01T12:00:00.000Z")
DEADLINE_SECONDS = 10.0

SIGNED_IN = {"x-session-guid": SESSION, "x-orgcode": ORG}


def some_settings(**different: str) -> GatewaySettings:
    """Valid gateway settings, changed by `different`."""
    told = {
        "MONGODB_URI": "mongodb://127.0.0.1:1/",
        "AMQP_URL": "amqp://127.0.0.1:1/",
        "CALLER_KEY": CALLER_KEY,
        "GATEWAY_KEY": GATEWAY_KEY,
        **key_environ("gateway"),
        "ACCESS_LOG": "false",
        "SHUTDOWN_SECONDS": "5",
    }
    return load(GatewaySettings, {**told, **different})


@dataclass
class StubDirectory:
    """A directory in memory that counts what it is asked."""

    known: dict[str, Resolution] = field(default_factory=dict)
    orgs: dict[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    failure: Exception | None = None

    async def resolve(self, credential: Credential, orgcode: str | None) -> Resolution:
        self.asked.append((credential.kind, orgcode))
        if self.failure is not None:
            raise self.failure
        found = self.known.get(credential.text, UNKNOWN)
        if found.identity is None or orgcode is None or (credential.text, orgcode) not in self.orgs:
            return found
        roles = self.orgs[credential.text, orgcode]
        return Resolution(identity=found.identity, membership=Membership(orgcode=orgcode, owner=False, roles=roles))

    async def membership(self, kind: str, actor: str, orgcode: str) -> Membership | None:
        for (text, org), roles in self.orgs.items():
            identity = self.known[text].identity
            if identity is not None and (identity.kind, identity.actor, org) == (kind, actor, orgcode):
                return Membership(orgcode=org, owner=False, roles=roles)
        return None


def a_directory() -> StubDirectory:
    """Knows one user and one key, both in one org."""
    user = Identity(kind="user", actor=USER_ID, orgcode=None, expires_utc=None)
    key = Identity(kind="key", actor=KEY.split("_")[1], orgcode=ORG, expires_utc=None)
    return StubDirectory(
        known={
            SESSION: Resolution(identity=user, membership=None),
            KEY: Resolution(identity=key, membership=None),
        },
        orgs={(SESSION, ORG): frozenset({"ics_view"}), (KEY, ORG): frozenset({"ics_operator"})},
    )


@dataclass(frozen=True)
class Seen:
    """A request as the service received it."""

    method: str
    target: str
    headers: Mapping[str, str]
    names: list[str]
    body: bytes

    @property
    def caller(self) -> Caller:
        """The caller in the signed header."""
        return verifier_of(self.target[1:].partition("?")[0].partition("/")[0]).verify(self.headers["x-caller"]).caller

    @property
    def request_id(self) -> str:
        """The request id beside the signed header."""
        return self.headers["x-request-id"]


Handler = Callable[[BaseRequest, bytes], Awaitable[web.StreamResponse]]


async def agree(_: BaseRequest, __: bytes) -> web.StreamResponse:
    """The default answer of a service."""
    return web.json_response({"success": True, "data": {}, "stats": {}})


class Upstream:
    """A service behind the gateway, on a real socket."""

    def __init__(self, handler: Handler = agree, *, reads: bool = True, host: str = "127.0.0.1") -> None:
        self.handler = handler
        self.host = host
        self.seen: list[Seen] = []
        self.connections = 0
        self.port = 0
        self.running = 0
        self._reads = reads
        self._listener: asyncio.Server | None = None
        self._server: web.Server | None = None

    @property
    def address(self) -> str:
        """Where it is."""
        return f"http://{self.host}:{self.port}"

    async def start(self) -> None:
        """Open its port, the same one as before where it had one."""
        server = self._server = web.Server(self._serve)
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: self._connect(server), self.host, self.port
        )
        self.port = self._listener.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Close its port and every connection."""
        if self._listener is not None and self._server is not None:
            self._listener.close()
            for connection in self._server.connections:
                if connection.transport is not None:
                    connection.transport.abort()
            await self._server.shutdown(0.1)
            self._listener = self._server = None

    def _connect(self, server: web.Server) -> Any:
        self.connections += 1
        return server()

    async def _serve(self, request: BaseRequest) -> web.StreamResponse:
        self.running += 1
        try:
            body = await request.content.read() if self._reads else b""
            self.seen.append(
                Seen(
                    request.method,
                    request._message.path,
                    request.headers,
                    [name.decode().lower() for name, _ in request.raw_headers],
                    body,
                )
            )
            return await self.handler(request, body)
        finally:
            self.running -= 1


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[int]:
    """A port at which `talk` answers with any bytes, HTTP or not."""
    tasks: set[asyncio.Task[Any]] = set()
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        writers.add(writer)
        try:
            await talk(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(writer.wait_closed() for writer in writers), return_exceptions=True)


@dataclass(frozen=True)
class Reply:
    """An answer as received."""

    status: int
    head: list[tuple[str, str]]
    body: bytes
    closed: bool

    @property
    def headers(self) -> dict[str, str]:
        """Headers by lower-case name; the last of several."""
        return {name.lower(): value for name, value in self.head}

    @property
    def json(self) -> Any:
        """The body decoded."""
        return msgspec.json.decode(self.body)

    @property
    def error_code(self) -> str:
        """The error code of a refusal."""
        return str(self.json["error"]["error_code"])


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A caller's connection, closed in the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def send(port: int, raw: bytes) -> Reply:
    """Send bytes on a connection of their own, and read one answer."""
    async with connected(port) as (reader, writer):
        writer.write(raw)
        return await read_reply(reader, head_only=raw.startswith(b"HEAD "))


async def send_and_see_it_closed(port: int, raw: bytes) -> Reply:
    """Send bytes, read one answer, and wait until the other side closes the connection."""
    async with connected(port) as (reader, writer):
        writer.write(raw)
        reply = await read_reply(reader)
        async with waiting.within(DEADLINE_SECONDS):
            assert await reader.read() == b""
        return reply


async def read_reply(reader: asyncio.StreamReader, *, head_only: bool = False) -> Reply:
    """One answer off a connection; interim ones are passed over."""
    async with waiting.within(DEADLINE_SECONDS):
        while True:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            status = int(lines[0].split(" ")[1])
            if status >= 200:
                break
        head = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines[1:] if line)]
        headers = {name.lower(): value for name, value in head}
        if head_only or status in {204, 304}:
            body = b""
        elif headers.get("transfer-encoding") == "chunked":
            body = b""
            while size := int((await reader.readline()).split(b";")[0], 16):
                body += await reader.readexactly(size)
                await reader.readline()
            await reader.readline()
        else:
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        return Reply(status, head, body, headers.get("connection", "").lower() == "close")


def request(method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None) -> bytes:
    """A request's bytes."""
    lines = [f"{method} {target} HTTP/1.1", "Host: gateway"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    if body is not None:
        named = {name.lower() for name in headers or {}}
        if "content-type" not in named:
            lines.append("Content-Type: application/json")
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + (body or b"")


class House:
    """A running gateway in front of stub services, and requests to it."""

    def __init__(
        self,
        entrance: GatewayServer,
        directory: StubDirectory,
        gate: Gate,
        upstreams: Mapping[str, Upstream],
        counts: Counts,
    ) -> None:
        self.entrance = entrance
        self.directory = directory
        self.gate = gate
        self.ics = upstreams["ics"]
        self.upstreams = upstreams
        self.counts = counts

    @property
    def port(self) -> int:
        """Where it is."""
        return self.entrance.port

    async def get(self, target: str, headers: Mapping[str, str] | None = SIGNED_IN) -> Reply:
        """Send a GET, signed in unless other headers are given."""
        return await send(self.port, request("GET", target, headers))

    async def post(self, target: str, body: Any = None, headers: Mapping[str, str] | None = SIGNED_IN) -> Reply:
        """Send a POST; a body that is not bytes is encoded as JSON."""
        raw = body if isinstance(body, bytes) else msgspec.json.encode({} if body is None else body)
        return await send(self.port, request("POST", target, headers, raw))


@asynccontextmanager
async def a_house(
    *,
    directory: StubDirectory | None = None,
    clock: FixedClock | None = None,
    upstreams: Mapping[str, Upstream] | None = None,
    **different: str,
) -> AsyncIterator[House]:
    """A gateway in front of a stub ICS and the other services named, on real sockets."""
    services = {"ics": Upstream(), **(upstreams or {})}
    for service in services.values():
        if not service.port:
            await service.start()
    addresses = {f"{name.upper()}_HTTP": service.address for name, service in services.items()}
    settings = some_settings(**{**addresses, **different})
    ticking = clock or SystemClock()
    gate, counts = Gate(ticking), Counts()
    known = directory or a_directory()
    client = client_of(settings)
    cpu = CpuPool(processes=1)
    entrance = GatewayServer(
        settings,
        ticking,
        directory=known,
        gate=gate,
        counts=counts,
        client=client,
        signer=signer_of("gateway"),
        limits=Limits(settings),
        cpu=cpu,
    )
    await entrance.start()
    try:
        yield House(entrance, known, gate, services, counts)
    finally:
        await entrance.stop(0.05)
        await client.close()
        await cpu.close()
        for service in services.values():
            await service.stop()


async def until(holds: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> None:
    """Wait until a condition holds; AssertionError after `seconds`."""
    await waiting.until(holds, seconds, every=0.005)
