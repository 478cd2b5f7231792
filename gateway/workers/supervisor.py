"""The parent of a gateway's workers: starts them, starts a dead one again, and answers on the private port for all."""

import asyncio
import os
import socket
from contextlib import suppress
from time import monotonic

import aiohttp

from chassis.health import PartHealth
from chassis.http.private import PrivatePort
from chassis.settings import SettingsError
from chassis.telemetry.log import get_logger
from chassis.telemetry.metrics import Metrics
from gateway.limits.shared import SharedMemory, new_file
from gateway.settings import GatewaySettings
from gateway.telemetry.names import WORKER_RESTARTS
from gateway.workers.metrics_text import merged
from gateway.workers.worker import WorkerProcess

ASK_SECONDS = 2.0
READY_LOOK_SECONDS = 0.05
RESTART_SECONDS_MIN = 0.1
RESTART_SECONDS_MAX = 5.0
STEADY_SECONDS = 10.0
"""A worker that lived so long is started again at once."""

KILL_SECONDS = 2.0
"""How much longer than its own limit a worker may take to stop."""

START_SECONDS = 30.0
"""How long workers may take to start, beyond the time that they wait for the database."""

log = get_logger("gateway.workers")


class Supervisor:
    """A gateway of several workers. `start` returns when all are ready; raises `RuntimeError` if one cannot start."""

    def __init__(self, settings: GatewaySettings) -> None:
        if not settings.http_port or not settings.grpc_port:
            raise SettingsError("GATEWAY_WORKERS: several workers need an HTTP_PORT and a GRPC_PORT to share")
        self._settings = settings
        self._file = new_file(settings.gateway_workers)
        self._memory = SharedMemory(self._file, settings.gateway_workers, 0)
        # Workers see the end of their parent as the end of this pipe.
        self._lifeline, self._held = os.pipe()
        os.set_inheritable(self._lifeline, True)
        numbers = range(1, settings.gateway_workers + 1)
        self.workers = [WorkerProcess(number, settings, self._file, self._lifeline) for number in numbers]
        self._metrics = _AllMetrics()
        self._private = PrivatePort(
            settings.private_host,
            settings.private_port,
            parts=self._parts,
            metrics=self._metrics,
            is_needed=lambda name: name == "workers",
        )
        self._private.before_metrics = self._gather
        self._tasks: list[asyncio.Task[None]] = []
        self._stopping = False
        self._http: aiohttp.ClientSession

    async def start(self) -> None:
        """Start the workers, and wait until all are ready."""
        self._check_ports()
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_SECONDS))
        try:
            await self._private.start()
            for worker in self.workers:
                await worker.start(os.environ)
            await self._all_ready()
        except BaseException:
            await self.stop()
            raise
        self._tasks = [asyncio.create_task(self._keep(worker)) for worker in self.workers]
        self._private.ready = True
        log.info("ready", workers=len(self.workers), http=self._settings.http_port, grpc=self._settings.grpc_port)

    async def warm(self) -> None:
        """Nothing: workers warm themselves."""

    async def stop(self) -> None:
        """Let the workers finish what they are at, and end."""
        self._stopping = True
        self._private.ready = False
        for worker in self.workers:
            worker.terminate()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        seconds = self._settings.drain_seconds + self._settings.shutdown_seconds + KILL_SECONDS
        ends = [asyncio.create_task(worker.ended()) for worker in self.workers if worker.process is not None]
        if ends:
            _, late = await asyncio.wait(ends, timeout=seconds)
            for worker in self.workers if late else ():
                worker.kill()
            await asyncio.gather(*ends, return_exceptions=True)
        await self._private.stop()
        await self._http.close()
        os.close(self._held)
        os.close(self._lifeline)
        self._memory.close()

    def _check_ports(self) -> None:
        """Raise `OSError` if another program has a port that the workers are to share: sharing would hide it."""
        settings = self._settings
        for host, port in ((settings.http_host, settings.http_port), (settings.grpc_host, settings.grpc_port)):
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            with socket.socket(family) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))

    async def _all_ready(self) -> None:
        ends = {asyncio.create_task(worker.ended()) for worker in self.workers}
        try:
            async with asyncio.timeout(self._settings.start_seconds + START_SECONDS):
                while not all([await self._is_ready(worker) for worker in self.workers]):
                    done, _ = await asyncio.wait(ends, timeout=READY_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                    if done:
                        raise RuntimeError("a worker did not start")
        except TimeoutError:
            raise RuntimeError("the workers did not become ready in time") from None
        finally:
            for end in ends:
                end.cancel()

    async def _keep(self, worker: WorkerProcess) -> None:
        """Start the worker again whenever it ends."""
        pause = RESTART_SECONDS_MIN
        while True:
            began = monotonic()
            code = await worker.ended()
            if self._stopping:
                return
            self._memory.forget(worker.number - 1)
            pause = RESTART_SECONDS_MIN if monotonic() - began > STEADY_SECONDS else min(pause * 2, RESTART_SECONDS_MAX)
            log.error("a worker ended, and is started again", worker=worker.number, code=code)
            self._metrics.restarts.inc()
            await asyncio.sleep(pause)
            try:
                await worker.start(os.environ)
            except OSError:
                # The machine has no room for another process now: this one counts as ended, and is tried again.
                log.exception("a worker could not be started", worker=worker.number)

    # -- the private port --------------------------------------------------------------------------------------------

    async def _parts(self) -> list[PartHealth]:
        """Each worker, and whether any of them answers: then the gateway is ready."""
        ready = await asyncio.gather(*map(self._is_ready, self.workers))
        parts = [
            PartHealth(name=f"worker {worker.number}", ok=ok, latency_ms=0.0)
            for worker, ok in zip(self.workers, ready, strict=True)
        ]
        return [PartHealth(name="workers", ok=any(ready), latency_ms=0.0), *parts]

    async def _gather(self) -> None:
        texts = await asyncio.gather(*(self._ask(worker, "/metrics") for worker in self.workers))
        found = {worker.number: text for worker, text in zip(self.workers, texts, strict=True) if text is not None}
        self._metrics.of_workers = merged(found)

    async def _is_ready(self, worker: WorkerProcess) -> bool:
        return worker.running and await self._ask(worker, "/readyz") is not None

    async def _ask(self, worker: WorkerProcess, path: str) -> str | None:
        """What a worker's own private port answers; None if nothing good."""
        port = self._memory.of_worker("private_port", worker.number - 1)
        if not port:
            return None
        with suppress(aiohttp.ClientError, TimeoutError):
            async with self._http.get(f"http://127.0.0.1:{port}{path}") as answer:
                return await answer.text() if answer.status == 200 else None
        return None


class _AllMetrics(Metrics):
    """The parent's own numbers, and those of the workers as they said last."""

    def __init__(self) -> None:
        super().__init__([WORKER_RESTARTS])
        self.restarts = self.counter(WORKER_RESTARTS)
        self.of_workers = ""

    def text(self) -> bytes:
        return super().text() + self.of_workers.encode()
