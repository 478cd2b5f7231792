"""The whole work of an operator with `stackctl` alone: set the code, create an org with users and keys, list, close."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from chassis.app import Application
from chassis.settings import Secret
from chassis.testing.keys import key_settings
from gateway.app import GATEWAY, Gateway
from gateway.settings import GatewaySettings
from services.ops.app import OPS
from services.ops.settings import OpsSettings

CODE = "open sesame, please"


class Operator:
    """Runs `stackctl` as a process of its own, as operators do."""

    def __init__(self, folder: Path, addresses: dict[str, str], http_port: int) -> None:
        self.http_port = http_port
        self._folder = folder
        self._environ = {**os.environ, **addresses, "PYTHONPATH": str(Path.cwd())}
        self._code = folder / "code"

    async def run(self, *words: str, code: str | None = CODE, **options: Any) -> tuple[int, Any, str]:
        """Exit status, stdout as JSON, and stderr."""
        self._code.write_text(code or "")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from services.ops.cli.app import main; main()",
            "--json",
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={**self._environ, **({"STACK_SECRET_FILE": str(self._code)} if code else {})},
            cwd=self._folder,
            **options,
        )
        out, err = await process.communicate()
        return process.returncode or 0, json.loads(out) if out else None, err.decode()

    async def get(self, *words: str) -> Any:
        """The answer of a command that must succeed."""
        status, said, err = await self.run(*words)
        assert status == 0, err
        return said

    async def set_code(self) -> None:
        """Set the operator's secret, for the first time."""
        reading, writing = os.pipe()
        os.write(writing, CODE.encode())
        os.close(writing)
        try:
            words = ("secret", "set", "--secret-fd", str(reading))
            status, said, err = await self.run(*words, code=None, pass_fds=[reading])
        finally:
            os.close(reading)
        assert (status, said) == (0, {"ok": True}), err

    async def ping(self) -> int:
        """The gateway's answer to a ping with the secret code."""
        url = f"http://127.0.0.1:{self.http_port}/ops/ping"
        async with (
            aiohttp.ClientSession() as http,
            http.get(url, headers={"x-secret-code": CODE}) as answer,
        ):
            return answer.status


@pytest.fixture
async def operator(mongodb_uri: str, amqp_url: str, database_name: str, tmp_path: Path) -> AsyncIterator[Operator]:
    shared: dict[str, Any] = {
        "mongodb_uri": Secret(mongodb_uri),
        "amqp_url": Secret(amqp_url),
        "caller_key": Secret("k" * 32),
        "shutdown_seconds": 5,
    }
    ops = Application(
        OPS, OpsSettings(**shared, **key_settings("ops"), mongodb_database=f"{database_name}_ops", secret_cost=15)
    )
    await ops.start()
    ops_grpc = f"127.0.0.1:{ops.runtime.grpc_port}"
    settings = GatewaySettings(
        **shared,
        **key_settings("gateway"),
        mongodb_database=f"{database_name}_gateway",
        gateway_key=Secret("g" * 32),
        ops_grpc=(ops_grpc,),
        ops_http=(f"http://127.0.0.1:{ops.http_port}",),
    )
    gateway = Gateway(GATEWAY, settings)
    try:
        await gateway.start()
        try:
            yield Operator(
                tmp_path,
                {"STACK_OPS_GRPC": ops_grpc, "STACK_GATEWAY_GRPC": f"127.0.0.1:{gateway.runtime.grpc_port}"},
                gateway.http_port,
            )
        finally:
            await gateway.stop()
    finally:
        await ops.stop()


async def test_an_operators_day(operator: Operator) -> None:
    await operator.set_code()

    org = (await operator.get("org", "create", "acme", "--name", "Acme"))["org"]
    assert (org["orgcode"], org["state"]) == ("ACME", "active")
    user = (await operator.get("user", "create", "--name", "Ann", "--email", "ann@example.com"))["user"]
    member = ("member", "set", "ACME", user["user_id"], "--owner", "--role", "ics_view")
    assert (await operator.get(*member))["association"]["owner"] is True
    session = await operator.get("session", "open", user["user_id"], "--ttl", "1h")
    assert set(session) == {"session_guid", "session_id", "user_id", "expires_utc"}
    key = await operator.get("key", "create", "ACME", "--name", "till", "--role", "ics_view")
    assert key["api_key"].startswith(f"rsk_{key['key_id']}_")

    listed = json.dumps(
        [
            await operator.get("session", "list", user["user_id"]),
            await operator.get("key", "list", "ACME"),
            await operator.get("org", "list"),
            await operator.get("user", "list"),
        ]
    )
    assert session["session_guid"] not in listed
    assert key["api_key"] not in listed
    assert user["user_id"] in listed

    status, said, err = await operator.run("member", "set", "ACME", user["user_id"], "--role", "no_such_role")
    assert (status, said, json.loads(err)["http_status"]) == (1, None, 400)
    status, said, err = await operator.run("org", "create", "ACME", "--name", "again")
    assert (status, json.loads(err)["error_code"]) == (1, "gateway.conflict")

    assert await operator.ping() == 200

    assert (await operator.get("session", "revoke", session["session_guid"], "--yes"))["session"]["revoked_utc"]
    assert (await operator.get("key", "revoke", key["key_id"], "--yes"))["key"]["revoked_utc"]
    assert (await operator.get("org", "close", "ACME", "--yes"))["org"]["state"] == "closed"


async def test_jobs_status_and_dead_letters_of_a_running_stack(operator: Operator) -> None:
    await operator.set_code()
    status, said, _ = await operator.run("status", code=None)
    services = {service["service"]: service for service in said["services"]}
    assert (status, services["ops"]["ok"], services["gateway"]["gate"]) == (0, True, "open")
    assert (await operator.get("job", "list"))["items"] is not None
    # Neither OPS nor the gateway has records that a cluster would spread.
    assert await operator.get("db", "shard") == {"applied": False, "items": []}
    assert await operator.get("events", "dead") is None

    status, said, err = await operator.run("job", "run", "ops", "no-such-job")
    assert (status, json.loads(err)["http_status"]) == (1, 404)
    status, said, err = await operator.run("job", "list", code="wrong code")
    assert (status, json.loads(err)["error_code"].partition(".")[2]) == (1, "unauthorized")
