"""The sample service as a process of its own, for what only a process can show."""

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic

import aiohttp

from chassis.testing.client import TEST_KEY
from chassis.testing.keys import key_environ
from tests.waiting import stretched

ROOT = Path(__file__).parents[2]
MAIN = "from chassis.app import run; from tests.chassis.sample.app import SAMPLE; run(SAMPLE)"
READY_SECONDS = 30.0


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Process:
    """A running sample."""

    def __init__(self, process: asyncio.subprocess.Process, environ: dict[str, str]) -> None:
        self.process = process
        self.environ = environ
        self.url = f"http://127.0.0.1:{environ['HTTP_PORT']}/sample"
        self.private_url = f"http://127.0.0.1:{environ['PRIVATE_PORT']}"

    async def ready(self) -> None:
        """Wait until it is."""
        until = monotonic() + stretched(READY_SECONDS)
        async with aiohttp.ClientSession() as session:
            while monotonic() < until:
                assert self.process.returncode is None, (await self.process.communicate())[1].decode()
                try:
                    async with session.get(f"{self.private_url}/readyz") as answer:
                        if answer.status == 200:
                            return
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.05)
        raise AssertionError("the sample did not become ready")

    async def ended(self) -> tuple[int, str, str]:
        """Wait for its end: exit code, stdout and stderr."""
        out, err = await asyncio.wait_for(self.process.communicate(), stretched(READY_SECONDS))
        return self.process.returncode or 0, out.decode(), err.decode()


@asynccontextmanager
async def a_process(**environ: str) -> AsyncIterator[Process]:
    """Start the sample with these settings; it is killed in the end if it still runs."""
    ports = {name: str(free_port()) for name in ("HTTP_PORT", "GRPC_PORT", "PRIVATE_PORT")}
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}:{ROOT / 'proto'}", "CALLER_KEY": TEST_KEY}
    given |= key_environ("sample")
    full = {**given, **ports, **environ}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        MAIN,
        cwd=ROOT,
        env=full,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield Process(process, full)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
