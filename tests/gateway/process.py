"""The gateway as a process of its own, as tests start it."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil

from chassis.testing.keys import key_environ
from tests.chassis.process_given import ROOT, free_port
from tests.gateway.given import CALLER_KEY, GATEWAY_KEY, request, send
from tests.waiting import until

START_SECONDS = 60.0


class Door:
    """The gateway's process and its ports."""

    def __init__(self, process: asyncio.subprocess.Process, http: int, private: int) -> None:
        self.process = process
        self.http = http
        self.private = private

    def workers(self) -> list[psutil.Process]:
        """The processes below it that are alive."""
        children = psutil.Process(self.process.pid).children()
        return [each for each in children if each.status() != psutil.STATUS_ZOMBIE]

    async def is_ready(self) -> bool:
        """Whether the private port says so; AssertionError with its output if the process has ended."""
        assert self.process.returncode is None, (await self.process.communicate())[0][-3000:]
        try:
            return (await send(self.private, request("GET", "/readyz"))).status == 200
        except OSError:
            return False

    async def all_ready(self) -> bool:
        """Whether every worker is."""
        return await self.is_ready() and all(
            (await send(self.private, request("GET", "/readyz"))).json["parts"].values()
        )

    async def ask(self) -> int:
        """The status of a call of nobody, on a connection of its own."""
        return (await send(self.http, request("GET", "/visualgrid/ping"))).status

    async def metrics(self) -> str:
        """What it measures."""
        return (await send(self.private, request("GET", "/metrics"))).body.decode()


@asynccontextmanager
async def a_gateway_process(
    mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str, **different: str
) -> AsyncIterator[Door]:
    """A gateway that is ready, killed in the end."""
    http, private = free_port(), free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}",
        "MONGODB_URI": mongodb_uri,
        "MONGODB_DATABASE": database_name,
        "AMQP_URL": amqp_url,
        "AMQP_PREFIX": bus_prefix,
        "CALLER_KEY": CALLER_KEY,
        "GATEWAY_KEY": GATEWAY_KEY,
        **key_environ("gateway"),
        "HTTP_PORT": str(http),
        "GRPC_PORT": str(free_port()),
        "PRIVATE_PORT": str(private),
        "SHUTDOWN_SECONDS": "10",
        **different,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "gateway",
        env=environ,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    door = Door(process, http, private)
    try:
        await until(door.all_ready, START_SECONDS)
        yield door
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()
