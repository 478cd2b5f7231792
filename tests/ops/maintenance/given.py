"""A running OPS, or two replicas of it, and an operator who knows the code."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
from pymongo import MongoClient

from chassis.app import Application
from chassis.caller import SYSTEM, Caller
from chassis.clock import Clock, SystemClock, Utc, later
from chassis.rpc.client import Channels
from chassis.settings import Secret
from chassis.testing.keys import key_settings, signs_as, token
from retailstack.chassis.v1.jobs_pb2 import RunJobRequest
from retailstack.chassis.v1.jobs_pb2_grpc import JobsStub
from retailstack.ops.v1 import maintenance_pb2 as pb
from retailstack.ops.v1.maintenance_pb2_grpc import MaintenanceStub
from retailstack.ops.v1.secret_pb2 import SetSecretRequest
from retailstack.ops.v1.secret_pb2_grpc import SecretStub
from services.ops.app import OPS
from services.ops.settings import OpsSettings
from tests import waiting
from tests.waiting import stretched

CODE = "open sesame, please"
KEY = "k" * 32
PATIENCE_SECONDS = 30.0
USER = Caller(kind="user", actor="ann", fingerprint="0123456789abcdef")
NOBODYS_ID = "01900000-0000-7000-8000-000000000000"


def from_now(seconds: float, clock: Clock | None = None) -> Utc:
    """The time `seconds` from now."""
    return later((clock or SystemClock()).now(), seconds)


class Ops:
    """A running OPS and its operator. `stub` adds no secret code: requests have it, or do not."""

    def __init__(self, application: Application, client: MongoClient[dict[str, Any]], http: Any) -> None:
        self.application = application
        address = f"127.0.0.1:{application.runtime.grpc_port}"
        self.anonymous = Channels({"ops": [address]})
        self.signed = Channels(
            {"ops": [address]},
            sign=signs_as("ics"),
            caller=SYSTEM,
        )
        self.operator = Channels({"ops": [address]}, secret_code=lambda: CODE)
        self.stub: Any = MaintenanceStub(self.anonymous.channel("ops"))
        self._database = client[application.runtime.settings.mongodb_database]
        self._http = http

    @property
    def address(self) -> str:
        """Where its gRPC is."""
        return f"127.0.0.1:{self.application.runtime.grpc_port}"

    async def schedule(self, seconds: float = 3600, **different: Any) -> pb.MaintenanceWindow:
        """Schedule a window that starts in `seconds`."""
        now = self.application.runtime.clock
        asked: dict[str, Any] = {
            "secret_code": CODE,
            "description": "a new index",
            "scheduled_start_utc": from_now(seconds, now),
            "duration_minutes": 30,
            **different,
        }
        answer: pb.MaintenanceAnswer = await self.stub.ScheduleMaintenance(pb.ScheduleMaintenanceRequest(**asked))
        return answer.maintenance

    async def start(self, window: pb.MaintenanceWindow, **different: Any) -> pb.MaintenanceWindow:
        """The window, started."""
        answer: pb.MaintenanceAnswer = await self.stub.StartMaintenance(
            pb.StartMaintenanceRequest(**seen(window), **different)
        )
        return answer.maintenance

    async def end(self, window: pb.MaintenanceWindow, **different: Any) -> pb.MaintenanceWindow:
        """The window, ended."""
        answer: pb.MaintenanceAnswer = await self.stub.EndMaintenance(
            pb.EndMaintenanceRequest(**seen(window), **different)
        )
        return answer.maintenance

    async def cancel(self, window: pb.MaintenanceWindow, reason: str = "not needed") -> pb.MaintenanceWindow:
        """The window, cancelled."""
        request = pb.CancelMaintenanceRequest(**seen(window), reason=reason)
        answer: pb.MaintenanceAnswer = await self.stub.CancelMaintenance(request)
        return answer.maintenance

    async def update(self, window: pb.MaintenanceWindow, **news: Any) -> pb.MaintenanceWindow:
        """Update a window."""
        request = pb.UpdateMaintenanceRequest(**seen(window), **news)
        answer: pb.MaintenanceAnswer = await self.stub.UpdateMaintenance(request)
        return answer.maintenance

    async def get(self, window: pb.MaintenanceWindow) -> pb.MaintenanceWindow:
        """The stored window."""
        request = pb.GetMaintenanceRequest(maintenance_id=window.maintenance_id)
        answer: pb.MaintenanceAnswer = await self.stub.GetMaintenance(request)
        return answer.maintenance

    async def sweep(self) -> str:
        """Run the sweep now; its answer."""
        done = await JobsStub(self.operator.channel("ops")).Run(
            RunJobRequest(job="maintenance_sweep"), timeout=stretched(10)
        )
        return str(done)

    async def ask(
        self,
        path: str,
        caller: Caller | None = USER,
        method: str = "POST",
        headers: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> tuple[int, dict[str, Any]]:
        """Status and envelope of a call over HTTP: `fields` in the body, or in the query of a GET."""
        headers = {**(headers or {}), **({} if caller is None else {"x-caller": token(caller, "ops")})}
        url = f"http://127.0.0.1:{self.application.http_port}/ops{path}"
        given: Mapping[str, Any] = {"params": fields} if method == "GET" else {"json": fields}
        async with self._http.request(method, url, headers=headers, **given) as answer:
            return answer.status, await answer.json()

    async def told(self) -> list[tuple[str, str]]:
        """Type and subject of every maintenance event so far, in order."""
        found = self._database["events"].find({"published": True}, sort=[("_id", 1)])
        return [(event["type"].removeprefix("ops.maintenance."), event["subject"]) for event in found]

    async def close(self) -> None:
        """Close the channels."""
        await self.anonymous.close()
        await self.signed.close()
        await self.operator.close()


def seen(window: pb.MaintenanceWindow) -> dict[str, Any]:
    """The secret code, window and revision of a change."""
    return {"secret_code": CODE, "maintenance_id": window.maintenance_id, "expected_revision": window.revision}


async def until(condition: Any, what: str) -> None:
    """Wait until a condition holds."""
    await waiting.until(condition, PATIENCE_SECONDS, what)


@asynccontextmanager
async def an_ops(
    mongodb_uri: str,
    database: str,
    amqp_url: str,
    client: MongoClient[dict[str, Any]],
    *,
    replicas: int = 1,
    clock: Clock | None = None,
) -> AsyncIterator[list[Ops]]:
    """Replicas of OPS on one database, with the secret code set."""
    async with AsyncExitStack() as closing:
        http = await closing.enter_async_context(aiohttp.ClientSession())
        found = []
        for number in range(replicas):
            settings = OpsSettings(
                mongodb_uri=Secret(mongodb_uri),
                mongodb_database=database,
                amqp_url=Secret(amqp_url),
                amqp_prefix=f"{database}.",
                caller_key=Secret(KEY),
                **key_settings("ops"),
                secret_cost=15,
                shutdown_seconds=3,
                replica=f"ops-{number}",
            )
            application = Application(OPS, settings, clock)
            await application.start()
            closing.push_async_callback(application.stop)
            ops = Ops(application, client, http)
            closing.push_async_callback(ops.close)
            found.append(ops)
        await SecretStub(found[0].anonymous.channel("ops")).Set(SetSecretRequest(new_code=CODE))
        yield found
