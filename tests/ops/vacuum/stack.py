"""The whole stack in the test's own process: real engines, real ports, and an operator who knows the code."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic
from typing import Any

import aiohttp
from bson import encode
from pymongo import MongoClient

from chassis.app import Application
from chassis.rpc.client import PEERS, Channels
from chassis.settings import Secret
from chassis.testing.keys import key_settings
from deploy.local import ports
from gateway.app import GATEWAY, Gateway
from retailstack.chassis.v1.jobs_pb2 import RunJobRequest
from retailstack.chassis.v1.jobs_pb2_grpc import JobsStub
from retailstack.identity.v1 import administration_pb2 as identity
from retailstack.identity.v1.administration_pb2_grpc import AdministrationStub
from retailstack.ops.v1 import vacuum_pb2 as pb
from retailstack.ops.v1.secret_pb2 import SetSecretRequest
from retailstack.ops.v1.secret_pb2_grpc import SecretStub
from retailstack.ops.v1.vacuum_pb2_grpc import VacuumStub
from services.ops.app import OPS
from services.ops.vacuum.domain import phrase_of
from tests.contract.services import OWN_SETTINGS, SERVICES
from tests.waiting import stretched

WORK = {"work_kept", "work_kept_lines"}
"""Under which this very work is done, as leases are what jobs are done under."""

CODE = "open sesame, please"
KEY = "k" * 32
PATIENCE_SECONDS = 60.0
SETTLE_SECONDS = 1.5


class VacuumStack:
    """All six processes, each of which can be stopped and started again; and further replicas of OPS."""

    def __init__(self, mongodb_uri: str, database: str, amqp_url: str, **ops: Any) -> None:
        self.database = database
        self.prefix = f"{database}."
        self._told: dict[str, Any] = {
            "mongodb_uri": Secret(mongodb_uri),
            "amqp_url": Secret(amqp_url),
            "amqp_prefix": self.prefix,
            "caller_key": Secret(KEY),
            "shutdown_seconds": 3.0,
        }
        self._ops = {"secret_cost": 15, "vacuum_delay_seconds": 0.0, "vacuum_settle_seconds": SETTLE_SECONDS, **ops}
        self.ports = {name: ports.any_free() for name in (*PEERS, "ops-2")}
        self.http = {name: ports.any_free() for name in SERVICES}
        self.running: dict[str, Any] = {}
        self._sessions: dict[str, str] = {}

    async def start(self, name: str) -> None:
        """Bring one process up."""
        made = self._gateway() if name == "gateway" else self._service(name)
        await made.start()
        self.running[name] = made

    async def stop(self, name: str) -> None:
        """Take one process down."""
        await self.running.pop(name).stop()

    def _service(self, name: str) -> Application:
        kind = name.partition("-")[0]
        service = OPS if kind == "ops" else SERVICES[kind]
        own = self._ops if kind == "ops" else OWN_SETTINGS.get(kind, {})
        return Application(service, service.settings(**self._common(name, kind), **own))

    def _gateway(self) -> Gateway:
        addresses = {f"{name}_http": (f"http://127.0.0.1:{port}",) for name, port in self.http.items()}
        return Gateway(
            GATEWAY,
            GATEWAY.settings(
                **self._common("gateway", "gateway"), gateway_key=Secret(KEY), access_log=False, **addresses
            ),
        )

    def _common(self, name: str, kind: str) -> dict[str, Any]:
        peers = {f"{peer}_grpc": (f"127.0.0.1:{self.ports[peer]}",) for peer in PEERS}
        http = {"http_port": self.http[name]} if name in self.http else {}
        return {
            **self._told,
            **peers,
            **http,
            **key_settings(kind),
            "grpc_port": self.ports[name],
            "mongodb_database": f"{self.database}{kind}",
            "replica": name,
        }

    def channels(self, ops: str = "ops") -> Channels:
        """Channels of the operator."""
        addresses = {peer: (f"127.0.0.1:{self.ports[peer]}",) for peer in PEERS}
        return Channels(
            {**addresses, "ops": (f"127.0.0.1:{self.ports[ops]}",)},
            secret_code=lambda: CODE,
        )


class Operator:
    """The operator, who requests vacuums and reads their results."""

    def __init__(self, stack: VacuumStack, client: MongoClient[dict[str, Any]], channels: Channels) -> None:
        self.stack = stack
        self._client = client
        self.channels = channels
        self.vacuums: Any = VacuumStub(channels.channel("ops"))
        self.directory: Any = AdministrationStub(channels.channel("gateway"))

    async def vacuum(self, orgcode: str | None, **different: Any) -> pb.VacuumRecord:
        """Ask for a vacuum of the org, or of everything."""
        asked = {
            "secret_code": CODE,
            "confirmation_phrase": phrase_of(orgcode),
            "reason": "asked to be forgotten",
            **different,
        }
        answer: pb.VacuumAnswer
        if orgcode is None:
            answer = await self.vacuums.VacuumAll(pb.VacuumAllRequest(**asked), timeout=stretched(60))
        else:
            answer = await self.vacuums.VacuumOrg(pb.VacuumOrgRequest(orgcode=orgcode, **asked), timeout=stretched(60))
        return answer.vacuum

    async def count(self, orgcode: str | None) -> dict[str, dict[str, int]]:
        """What a dry run finds, by service and collection."""
        found = await self.vacuum(orgcode, dry_run=True)
        assert found.state == "completed", found
        return {
            tally.service: {each.collection: each.matched for each in tally.collections}
            for tally in found.services
            if tally.matched
        }

    async def sweep(self, ops: str = "ops") -> None:
        """Have the sweep run now."""
        channels = self.stack.channels(ops)
        try:
            await JobsStub(channels.channel("ops")).Run(RunJobRequest(job="vacuum_sweep"), timeout=stretched(10))
        finally:
            await channels.close()

    async def status(self, vacuum_id: str) -> pb.VacuumAnswer:
        """The state of a vacuum."""
        answer: pb.VacuumAnswer = await self.vacuums.GetVacuumStatus(pb.GetVacuumStatusRequest(vacuum_id=vacuum_id))
        return answer

    async def until(self, vacuum_id: str, state: str, service: str = "") -> pb.VacuumAnswer:
        """Wait until the vacuum, or one of its services, is in a state; the vacuum."""
        end = monotonic() + stretched(PATIENCE_SECONDS)
        while True:
            answer = await self.status(vacuum_id)
            states = {tally.service: tally.state for tally in answer.vacuum.services} | {"": answer.vacuum.state}
            if states[service] == state:
                return answer
            assert monotonic() < end, answer
            await asyncio.sleep(0.05)

    async def finished(self, vacuum_id: str) -> pb.VacuumAnswer:
        """Start a vacuum and wait for its end; the vacuum."""
        await self.sweep()
        return await self.until(vacuum_id, "completed")

    async def an_org(self, orgcode: str, *also: str) -> "Shop":
        """An org with an owner who also belongs to these orgs, an API key, and some stock."""
        await self.directory.CreateOrg(identity.CreateOrgRequest(secret_code=CODE, orgcode=orgcode, name="Shop"))
        user = (await self.directory.CreateUser(identity.CreateUserRequest(secret_code=CODE, name="Ann"))).user.user_id
        for each in (orgcode, *also):
            member = identity.SetAssociationRequest(secret_code=CODE, orgcode=each, user_id=user, owner=True)
            await self.directory.SetAssociation(member)
        session = await self.directory.OpenSession(identity.OpenSessionRequest(secret_code=CODE, user_id=user))
        await self.directory.CreateKey(identity.CreateKeyRequest(secret_code=CODE, orgcode=orgcode, name="till"))
        return Shop(self.stack.running["gateway"].http_port, orgcode, session.session_guid)

    async def calm(self) -> None:
        """Wait until every event has been published."""
        end = monotonic() + stretched(PATIENCE_SECONDS)
        for name in PEERS:
            while self.collection(name, "events").find_one({"pending": True}) is not None:
                assert monotonic() < end, f"{name} does not publish what it has to tell"
                await asyncio.sleep(0.05)

    async def reopened(self, orgcode: str) -> None:
        """Wait until every process has opened the org again."""
        end = monotonic() + stretched(PATIENCE_SECONDS)
        for made in self.stack.running.values():
            while made.runtime.gate.is_closed_for(orgcode):
                assert monotonic() < end, f"{orgcode} stays closed"
                await asyncio.sleep(0.05)

    def documents(self, but: str = "") -> dict[str, bytes]:
        """Every stored document of the stack, without those that name an org and the technical ones."""
        found = {}
        for database in self._client.list_database_names():
            if not database.startswith(self.stack.database):
                continue
            for name in self._client[database].list_collection_names():
                if name in {"leases", "relays", "jobs", "marks", "migrations", "vacuum_audit", "vacuum_turns", *WORK}:
                    continue
                for document in self._client[database][name].find():
                    if not but or but not in repr(document):
                        found[f"{database}/{name}/{document['_id']}"] = encode(document)
        return found

    def audit(self, vacuum_id: str) -> dict[str, Any]:
        """The stored record of a vacuum."""
        found = self._client[f"{self.stack.database}ops"]["vacuum_audit"].find_one({"_id": vacuum_id})
        assert found is not None
        return found

    def collection(self, service: str, name: str) -> Any:
        """A collection of a service."""
        return self._client[f"{self.stack.database}{service}"][name]


class Shop:
    """The owner of an org, who calls through the gateway."""

    def __init__(self, port: int, orgcode: str, session: str) -> None:
        self._url = f"http://127.0.0.1:{port}"
        self.orgcode = orgcode
        self.headers = {
            "x-session-guid": session,
            "x-orgcode": orgcode,
            "x-logical-guid": "FAC-A",
            "x-channel-code": "WEB",
        }

    async def ask(self, path: str, **body: Any) -> tuple[int, dict[str, str], dict[str, Any]]:
        """Status, headers and envelope of a call."""
        async with (
            aiohttp.ClientSession(headers=self.headers) as http,
            http.post(self._url + path, json=body) as answer,
        ):
            return answer.status, dict(answer.headers), await answer.json()

    async def trade(self, items: int = 3) -> None:
        """Open a zone, receive, and reserve with a key."""
        for number in range(items):
            variant = f"V-{number}"
            for path, body in (
                ("/ics/zone/create", {"code": f"Z{number}"}),
                ("/ics/stock/policy/set", {"variant_id": variant, "qc": "skip"}),
                ("/ics/receive/record", {"lines": [{"variant_id": variant, "quantity": 10}]}),
                (
                    "/ics/reservation/create",
                    {"variant_id": variant, "quantity": 1, "idempotency_key": f"k-{number}-{uuid.uuid4().hex}"},
                ),
            ):
                status, _, envelope = await self.ask(path, **body)
                assert status == 200, envelope


@asynccontextmanager
async def a_stack(
    mongodb_uri: str, database: str, amqp_url: str, client: MongoClient[dict[str, Any]], **ops: Any
) -> AsyncIterator[Operator]:
    """A stack that runs within the block, and its operator."""
    stack = VacuumStack(mongodb_uri, database, amqp_url, **ops)
    async with AsyncExitStack() as closing:
        closing.push_async_callback(_stop_all, stack)
        await stack.start("ops")
        await asyncio.gather(*(stack.start(name) for name in PEERS if name not in {"ops", "gateway"}))
        await stack.start("gateway")
        channels = stack.channels()
        closing.push_async_callback(channels.close)
        await SecretStub(channels.channel("ops")).Set(SetSecretRequest(new_code=CODE))
        yield Operator(stack, client, channels)


async def _stop_all(stack: VacuumStack) -> None:
    await asyncio.gather(*(made.stop() for made in stack.running.values()))
