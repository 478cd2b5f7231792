"""The gateway as a process of its own."""

import asyncio
import os
import signal
import socket
import sys
from collections import Counter
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.web_request import BaseRequest

from chassis.settings import load
from chassis.testing.keys import key_environ
from gateway.settings import GatewaySettings
from tests.gateway.given import CALLER_KEY, GATEWAY_KEY, SESSION, Upstream, connected, read_reply, request, send
from tests.waiting import stretched, within

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def ready(process: asyncio.subprocess.Process, port: int) -> None:
    """Wait until the process is ready; AssertionError with its output if it ends instead."""
    async with within(30):
        while True:
            assert process.returncode is None, (await process.communicate())[1]
            try:
                if (await send(port, request("GET", "/readyz"))).status == 200:
                    return
            except OSError:
                await asyncio.sleep(0.02)


async def test_a_process_told_to_stop_answers_what_is_on_its_way_and_exits_with_nought(
    mongodb_uri: str, database_name: str, amqp_url: str
) -> None:
    async def slow(_: BaseRequest, __: bytes) -> web.StreamResponse:
        await asyncio.sleep(0.02)
        return web.json_response({"done": True})

    grid = Upstream(slow)
    await grid.start()
    http, private = free_port(), free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}",
        "MONGODB_URI": mongodb_uri,
        "MONGODB_DATABASE": database_name,
        "AMQP_URL": amqp_url,
        "CALLER_KEY": CALLER_KEY,
        "GATEWAY_KEY": GATEWAY_KEY,
        **key_environ("gateway"),
        "VISUALGRID_HTTP": grid.address,
        "HTTP_PORT": str(http),
        "PRIVATE_PORT": str(private),
        "SHUTDOWN_SECONDS": "10",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        env=environ,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    outcomes: Counter[str] = Counter()

    async def caller() -> None:
        """Send requests on one connection, each after the answer to the last; every request must be answered."""
        async with connected(http) as (reader, writer):
            while True:
                writer.write(request("POST", "/visualgrid/schema", {"x-session-guid": SESSION}, b"{}"))
                try:
                    reply = await read_reply(reader)
                except (asyncio.IncompleteReadError, ConnectionError):
                    outcomes["lost"] += 1
                    return
                outcomes[str(reply.status)] += 1
                if reply.closed:
                    return

    try:
        await ready(process, private)
        callers = [asyncio.create_task(caller()) for _ in range(20)]
        while outcomes["200"] < 100:  # noqa: ASYNC110  a count has no event
            await asyncio.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        await asyncio.gather(*callers)
        out, _ = await asyncio.wait_for(process.communicate(), stretched(20))
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()
        await grid.stop()

    assert process.returncode == 0
    assert set(outcomes) == {"200"}
    # The gateway also fetches the service's documents, for itself.
    calls = [seen for seen in grid.seen if (seen.method, seen.target) == ("POST", "/visualgrid/schema")]
    assert len(calls) == outcomes["200"]
    assert out.count(b'"event":"request"') == outcomes["200"]
    assert SESSION.encode() not in out


async def test_a_setting_that_is_missing_stops_start_up_with_one_line_that_names_it() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}"},
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    _, complaint = await asyncio.wait_for(process.communicate(), stretched(30.0))

    assert process.returncode != 0
    assert complaint.count(b"\n") == 1
    assert b"MONGODB_URI is not set" in complaint


def test_every_setting_of_the_gateway_can_be_told() -> None:
    told = {
        "MONGODB_URI": "mongodb://x/",
        "AMQP_URL": "amqp://x/",
        "CALLER_KEY": CALLER_KEY,
        "GATEWAY_KEY": GATEWAY_KEY,
        **key_environ("gateway"),
        "ICS_HTTP": "http://a:1, http://b:2",
        "ROLES": "ics_view,more",
        "PROXY": "session",
        "RATE_CREDENTIAL_PER_SECOND": "0",
    }
    settings = load(GatewaySettings, told)

    assert settings.addresses("ics") == ("http://a:1", "http://b:2")
    assert settings.addresses("pmc") == ()
    assert (settings.proxy, settings.roles) == ("session", ("ics_view", "more"))
    assert GATEWAY_KEY not in repr(settings)


@pytest.mark.parametrize("key", ["", "short"])
async def test_a_weak_key_is_refused(key: str) -> None:
    from chassis.settings import SettingsError  # noqa: PLC0415

    told = {"MONGODB_URI": "x", "AMQP_URL": "x", "CALLER_KEY": CALLER_KEY, "GATEWAY_KEY": key}
    told |= key_environ("gateway")
    with pytest.raises(SettingsError, match="GATEWAY_KEY"):
        load(GatewaySettings, told)
