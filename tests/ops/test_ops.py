"""OPS as a whole: its ports, endpoints and secret code."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from chassis.app import Application
from chassis.caller import ANONYMOUS
from chassis.errors import Refusal
from chassis.rpc.client import Channels
from chassis.settings import Secret
from chassis.testing.keys import key_settings, signs_as, token
from retailstack.ops.v1.maintenance_pb2 import GetMaintenanceStateRequest
from retailstack.ops.v1.maintenance_pb2_grpc import MaintenanceStub
from retailstack.ops.v1.secret_pb2 import CheckSecretRequest, SetSecretRequest
from retailstack.ops.v1.secret_pb2_grpc import SecretStub
from services.ops.app import OPS
from services.ops.settings import OpsSettings

KEY = "k" * 32
CODE = "open sesame, please"


class Stack:
    """A running OPS, and calls to it."""

    def __init__(self, application: Application, channels: Channels, http: aiohttp.ClientSession) -> None:
        self.application = application
        self.channels = channels
        self._http = http

    async def get(self, path: str, peer: str = "10.0.0.1", **options: Any) -> tuple[int, dict[str, Any]]:
        headers = {
            "x-caller": token(ANONYMOUS, "ops"),
            "x-forwarded-for": peer,
            **options.pop("headers", {}),
        }
        url = f"http://127.0.0.1:{self.application.http_port}{path}"
        async with self._http.get(url, headers=headers, **options) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def stack(mongodb_uri: str, amqp_url: str, database_name: str) -> AsyncIterator[Stack]:
    settings = OpsSettings(
        mongodb_uri=Secret(mongodb_uri),
        mongodb_database=database_name,
        amqp_url=Secret(amqp_url),
        caller_key=Secret(KEY),
        **key_settings("ops"),
        secret_cost=15,
        build_id="b42",
        shutdown_seconds=5,
        # Nothing listens there: a service that is down.
        ics_grpc=("127.0.0.1:1",),
    )
    application = Application(OPS, settings)
    await application.start()
    channels = Channels({"ops": [f"127.0.0.1:{application.runtime.grpc_port}"]}, sign=signs_as("ics"))
    async with aiohttp.ClientSession() as http:
        try:
            yield Stack(application, channels, http)
        finally:
            await channels.close()
            await application.stop()


async def set_code(stack: Stack) -> None:
    await SecretStub(stack.channels.channel("ops")).Set(SetSecretRequest(new_code=CODE))


async def test_ping_takes_the_code_from_body_or_header_and_from_nobody_else(stack: Stack) -> None:
    await set_code(stack)
    ways: list[dict[str, Any]] = [{"json": {"secret_code": CODE}}, {"headers": {"x-secret-code": CODE}}]
    for given in ways:
        status, said = await stack.get("/ops/ping", **given)
        assert (status, said["data"]) == (200, {"ok": True, "maintenance_active": False})

    missing = await stack.get("/ops/ping")
    wrong = await stack.get("/ops/ping", json={"secret_code": "wrong"})
    assert missing[0] == wrong[0] == 401
    assert missing[1]["error"] == wrong[1]["error"]
    assert wrong[1]["error"]["error_code"] == "ops.unauthorized"


async def test_the_sixth_wrong_code_of_an_address_is_throttled(stack: Stack) -> None:
    await set_code(stack)
    statuses = [(await stack.get("/ops/stat", json={"secret_code": "wrong"}))[0] for _ in range(6)]
    assert statuses == [401, 401, 401, 401, 401, 429]
    status, said = await stack.get("/ops/ping", json={"secret_code": CODE})
    assert (status, said["error"]["major"]["tag"]) == (429, "throttled")
    assert said["error"]["details"]["retry_after_seconds"] > 800
    assert (await stack.get("/ops/ping", peer="10.0.0.2", json={"secret_code": CODE}))[0] == 200


async def test_attempts_through_the_gateway_close_no_operators_port_and_a_missing_code_is_none(stack: Stack) -> None:
    await set_code(stack)
    wrong = [await stack.get("/ops/stat", peer="127.0.0.1", json={"secret_code": "wrong"}) for _ in range(6)]
    missing = [await stack.get("/ops/stat", peer="10.0.0.9") for _ in range(7)]
    bare = Channels({"ops": stack.channels.addresses["ops"]})
    try:
        nobody = [await _refused(MaintenanceStub(bare.channel("ops")).GetState) for _ in range(7)]
    finally:
        await bare.close()
    operator = await SecretStub(stack.channels.channel("ops")).Check(CheckSecretRequest(code=CODE, peer="127.0.0.1"))

    assert wrong[-1][0] == 429
    assert {status for status, _ in missing} == {401}
    assert set(nobody) == {"unauthorized"}
    assert operator.ok


async def _refused(ask: Any) -> str:
    with pytest.raises(Refusal) as refused:
        await ask(GetMaintenanceStateRequest())
    return refused.value.reason


async def test_stat_answers_though_services_do_not(stack: Stack) -> None:
    await set_code(stack)
    status, said = await stack.get("/ops/stat", json={"secret_code": CODE})
    data = said["data"]
    assert (status, data["ok"], data["maintenance_active"], data["maintenance"], data["vacuum"]) == (
        200,
        False,
        False,
        None,
        None,
    )
    services = {service["service"]: service for service in data["services"]}
    assert set(services) == {"ops", "gateway", "ics", "pmc", "slc", "visualgrid"}
    assert (services["ops"]["ok"], services["ops"]["build_id"]) == (True, "b42")
    assert services["ics"]["ok"] is False
    assert services["ics"]["error"]
    assert said["stats"]["call"] == "ops_stat"


async def test_the_gate_is_open_and_health_says_serving(stack: Stack) -> None:
    state = await MaintenanceStub(stack.channels.channel("ops")).GetState(GetMaintenanceStateRequest())
    assert not state.active
    assert not state.HasField("window")
    health = health_pb2_grpc.HealthStub(stack.channels.channel("ops"))
    answer = await health.Check(health_pb2.HealthCheckRequest(service="retailstack.ops.v1.Secret"))
    assert answer.status == answer.SERVING
