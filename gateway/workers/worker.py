"""One worker process, as its parent sees it."""

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import BinaryIO

from gateway.settings import GatewaySettings

MODULE = "gateway"
PARENTS_OWN = ("HTTP_PORT", "PRIVATE_PORT", "PRIVATE_HOST", "REPLICA")


class WorkerProcess:
    """The process with a number, from 1 on. `process` is None until it is started."""

    def __init__(self, number: int, settings: GatewaySettings, memory: BinaryIO, lifeline: int) -> None:
        self.number = number
        self.process: asyncio.subprocess.Process | None = None
        self._settings = settings
        self._memory = memory
        self._lifeline = lifeline

    async def start(self, environ: Mapping[str, str]) -> None:
        """Start it, with the gateway's own settings and those of a worker."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            MODULE,
            env={**environ, **self._own()},
            pass_fds=(self._memory.fileno(), self._lifeline),
        )

    def _own(self) -> dict[str, str]:
        settings = self._settings
        return {
            "GATEWAY_WORKERS": str(settings.gateway_workers),
            "GATEWAY_WORKER": str(self.number),
            "GATEWAY_MEMORY_FD": str(self._memory.fileno()),
            "GATEWAY_PARENT_FD": str(self._lifeline),
            "GRPC_REUSE_PORT": "true",
            # Asked by the parent alone.
            "PRIVATE_HOST": "127.0.0.1",
            "PRIVATE_PORT": "0",
            "REPLICA": f"{settings.replica}-{self.number}",
        }

    @property
    def running(self) -> bool:
        """Whether the process has been started and has not ended."""
        return self.process is not None and self.process.returncode is None

    async def ended(self) -> int:
        """Wait for its end; its exit code."""
        assert self.process is not None
        return await self.process.wait()

    def terminate(self) -> None:
        """Tell it to finish what it is at, and end."""
        if self.running and self.process is not None:
            with suppress(ProcessLookupError):
                self.process.terminate()

    def kill(self) -> None:
        """End it now."""
        if self.running and self.process is not None:
            with suppress(ProcessLookupError):
                self.process.kill()


def end_with_parent(descriptor: int) -> None:
    """Tell this process to stop when its parent has ended, however it did.

    The parent holds the other end of a pipe. Called in a thread of its own.
    """
    import signal  # noqa: PLC0415  only workers need it

    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
