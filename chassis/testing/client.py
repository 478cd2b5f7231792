"""A service in the test's own process, over real engines, called over a real socket.

    async with serve(ICS, mongodb_uri=…, database=…, amqp_url=…, prefix=…) as ics:
        answer = await ics.post("/zone/create", code="A-01")

`post` and `get` sign the caller header as the gateway does. The client acts in one facility unless told otherwise.
"""

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from io import BytesIO
from typing import Any

import aiohttp
import msgspec
from msgspec.structs import replace
from yarl import URL

from chassis.app import Application
from chassis.auth.token import HEADER
from chassis.bus.connection import BrokerConnection, BusDown
from chassis.bus.topology import queues_of
from chassis.caller import SYSTEM, Caller
from chassis.clock import Clock, SystemClock
from chassis.frozen import Frozen
from chassis.ids import new_id
from chassis.mongo.eventlog import EVENTS
from chassis.rpc.client import Channels
from chassis.service import Service
from chassis.settings import Secret
from chassis.testing.keys import key_settings, signs_as, token
from retailstack.graph.v1.source_pb2_grpc import GraphSourceStub

TEST_KEY = Secret("a key that only tests use, 32 bytes or more")
ORGCODE = "DEMO0001"
FACILITY = "FAC-A"
ATTACHED_SECONDS = 120.0
"""How long a service may take to bind its queues, on a machine however busy."""


class TestAnswer(Frozen):
    """An answer: `data` or `error` as received, and shortcuts to parts of an error."""

    __test__ = False  # no test, whatever its name says

    status: int
    headers: Mapping[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        """The whole envelope."""
        return msgspec.json.decode(self.raw)

    @property
    def data(self) -> Any:
        """The envelope's `data`. KeyError if the call was refused."""
        return self.body["data"]

    @property
    def error(self) -> Any:
        """The envelope's `error`. KeyError if the call succeeded."""
        return self.body["error"]

    @property
    def error_code(self) -> str:
        """`<service>.<reason>`."""
        return str(self.error["error_code"])

    @property
    def tag(self) -> str:
        """The error's tag."""
        return str(self.error["major"]["tag"])

    @property
    def details(self) -> Any:
        """The error's details for programs."""
        return self.error.get("details", {})

    @property
    def problems(self) -> dict[str, str]:
        """Path of each wrong field -> what is wrong with it."""
        return {field["path"]: field["problem"] for field in self.details.get("fields", ())}

    def __repr__(self) -> str:
        return f"{self.status} {self.raw[:2000].decode(errors='replace')}"


class _Heard:
    """How far the event log was read, shared by all clients of one service."""

    newest = ""


class ServiceClient:
    """Calls one running service as one caller. `as_caller`, `in_facility` and `plain` give further clients of it."""

    def __init__(self, application: Application, session: aiohttp.ClientSession, caller: Caller) -> None:
        self.application = application
        self.caller: Caller | None = caller
        self.facility: str | None = FACILITY
        self.events: list[str] = []
        self._session = session
        self._received = _Heard()

    async def post(self, path: str, *, headers: Any = None, **fields: Any) -> TestAnswer:
        """POST these fields as JSON, with these headers beside the usual ones; `path` is below the base path."""
        sent = {"Content-Type": "application/json", **self._context(fields), **(headers or {})}
        return await self.send("POST", path, msgspec.json.encode(fields), sent)

    async def get(self, path: str, *, headers: Any = None, **query: Any) -> TestAnswer:
        """GET with these query parameters."""
        return await self.send("GET", path, None, {**self._context(query), **(headers or {})}, query)

    async def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
    ) -> TestAnswer:
        """Send exactly this, signed unless the client has no caller or the headers hold a signature already."""
        sent = dict(headers or {})
        if self.caller is not None and HEADER not in sent:
            sent[HEADER] = token(self.caller, self.application.service.name)
            sent.setdefault("x-request-id", new_id(SystemClock().now()))
        base = f"http://127.0.0.1:{self.application.http_port}/{self.application.service.name}"
        data = None if body is None else BytesIO(body)
        async with self._session.request(
            method, base + path, data=data, headers=sent, params=query, allow_redirects=False
        ) as response:
            answer = TestAnswer(status=response.status, headers=response.headers.copy(), raw=await response.read())
        await self.collect_events()
        return answer

    async def collect_events(self) -> list[str]:
        """Update `events`: the types of all events committed so far, in order; returns them."""
        found = await self.application.runtime.database.collection(EVENTS.collection).find(
            {"_id": {"$gt": self._received.newest}}, sort=[("_id", 1)]
        )
        for event in found:
            # Another call of this client may have added it meanwhile.
            if event["_id"] <= self._received.newest:
                continue
            self._received.newest = event["_id"]
            if event["published"]:
                self.events.append(event["type"])
        return self.events

    @asynccontextmanager
    async def graph(self) -> AsyncIterator[Any]:
        """The stub of the service's graph source, asked in the stack's own name."""
        name = self.application.service.name
        address = f"127.0.0.1:{self.application.runtime.grpc_port}"

        channels = Channels({name: [address]}, sign=signs_as("visualgrid"), caller=SYSTEM)
        try:
            yield GraphSourceStub(channels.channel(name))
        finally:
            await channels.close()

    @property
    def plain(self) -> "ServiceClient":
        """The same caller, naming no facility."""
        return self._other(self.caller, None)

    @property
    def nobody(self) -> "ServiceClient":
        """No caller header at all."""
        return self._other(None, self.facility)

    def as_caller(self, **changes: Any) -> "ServiceClient":
        """The same service, called by a caller who differs in these fields of `Caller`."""
        assert self.caller is not None, "nobody can't be changed"
        return self._other(replace(self.caller, **changes), self.facility)

    def with_roles(self, *roles: str) -> "ServiceClient":
        """A user of the org who holds just these roles."""
        return self.as_caller(kind="user", owner=False, roles=frozenset(roles))

    def in_facility(self, logical_guid: str) -> "ServiceClient":
        """The same caller in another facility."""
        return self._other(self.caller, logical_guid)

    def _other(self, caller: Caller | None, facility: str | None) -> "ServiceClient":
        other = ServiceClient.__new__(ServiceClient)
        other.__dict__.update(self.__dict__)
        other.caller, other.facility = caller, facility
        return other

    def _context(self, fields: Collection[str]) -> dict[str, str]:
        if self.facility is None or "logical_guid" in fields:
            return {}
        return {"x-logical-guid": self.facility}


@asynccontextmanager
async def serve(
    service: Service,
    *,
    mongodb_uri: str,
    database: str,
    amqp_url: str,
    prefix: str,
    clock: Clock | None = None,
    roles: Collection[str] | None = None,
    doubles: Mapping[Any, Any] | None = None,
    **settings: Any,
) -> AsyncIterator[ServiceClient]:
    """A running service and a client of it, who holds all of its roles unless told which.

    It is stopped afterwards, and its queues are deleted. `settings` are fields of the service's own settings; `doubles`
    stand in for its resources, by type.
    """
    filled = service.settings(
        mongodb_uri=Secret(mongodb_uri),
        mongodb_database=database,
        amqp_url=Secret(amqp_url),
        amqp_prefix=prefix,
        caller_key=TEST_KEY,
        **key_settings(service.name),
        **settings,
    )
    application = Application(service, filled, clock, doubles)
    await application.start()
    try:
        await _until_attached(application, URL(amqp_url))
        async with aiohttp.ClientSession() as session:
            caller = Caller(
                kind="user",
                actor="tester",
                orgcode=ORGCODE,
                roles=frozenset(service.roles if roles is None else roles),
                fingerprint="0123456789abcdef",
            )
            yield ServiceClient(application, session, caller)
    finally:
        # RabbitMQ 3.10 stops answering for good when it has to delete a quorum queue that it is still making. A service
        # that has stopped has no declaration under way.
        await application.stop()
        await _delete_queues(amqp_url, application)


async def _until_attached(application: Application, broker: URL) -> None:
    """Wait until the consumers are, so that they miss nothing; not without a broker. TimeoutError if they can't be."""
    runtime = application.runtime
    async with asyncio.timeout(ATTACHED_SECONDS):
        while not runtime.queue_admin.attached:
            if not runtime.bus.consuming.up:
                try:
                    _, writer = await asyncio.open_connection(broker.host, broker.port)
                except OSError:
                    return
                writer.close()
            await asyncio.sleep(0.02)


async def _delete_queues(amqp_url: str, application: Application) -> None:
    """Delete the queues and the exchanges of a stopped service."""
    topology = application.runtime.bus.topology
    names = {
        queue.name for consumer in application.runtime.parts.consumers for queue in queues_of(topology, consumer).all
    }
    connection = BrokerConnection(amqp_url, f"{application.service.name} clean-up")
    await connection.start()
    try:
        with suppress(BusDown):
            async with connection.channel(seconds=5.0) as channel:
                for name in sorted(names):
                    await channel.queue_delete(name)
                await channel.exchange_delete(topology.exchange)
                await channel.exchange_delete(topology.work_exchange)
    finally:
        await connection.stop()
