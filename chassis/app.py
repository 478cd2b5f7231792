"""Runs a service: `run(ICS)` is a whole process.

Start: settings, log, runtime (database, bus, gRPC, private port …), HTTP port, ready. Stop, on SIGTERM or SIGINT: no
longer ready, no new calls, calls in progress finished, jobs and consumers drained, relay flushed, everything closed.
"""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from time import monotonic
from typing import Any, Protocol

import uvloop

from chassis.clock import Clock
from chassis.errors import DatabaseError
from chassis.http.dispatch import Dispatcher
from chassis.http.documents import Documents
from chassis.http.server import HttpServer
from chassis.mongo.errors import UnfitServer
from chassis.provided import NotProvided
from chassis.runtime import Runtime
from chassis.service import Service
from chassis.settings import BaseSettings, SettingsError, load
from chassis.telemetry import log as logs
from chassis.telemetry.log import get_logger

EXIT_SETTINGS = 2
EXIT_START = 1
COLLECT_AFTER = (20_000, 20, 50)
"""Thresholds of the garbage collector, above the defaults: requests leave few reference cycles."""

log = get_logger("chassis.app")


class Runnable(Protocol):
    """What `main` runs: a service's application, or the gateway's."""

    async def start(self) -> None:
        """Start; raises the reason if it cannot."""
        ...

    async def warm(self) -> None:
        """Prepare what is slow to make, so that the first caller need not wait for it. Called once, after `start`."""
        ...

    async def stop(self) -> None:
        """Stop gracefully."""
        ...


class Application:
    """A running service. In tests: `await application.start()`, call its `http_port`, `await application.stop()`.

    `doubles` are given out instead of the declared resources of the same types, which are then not started.
    """

    def __init__(
        self,
        service: Service,
        settings: BaseSettings,
        clock: Clock | None = None,
        doubles: Mapping[Any, Any] | None = None,
    ) -> None:
        self.service = service
        self.settings = settings
        self.runtime = Runtime(service, settings, clock, doubles)
        self.http_port = 0
        self._http: HttpServer | None = None
        self._documents = Documents(service, self.runtime.parts, settings.build_id)

    async def warm(self) -> None:
        """Make the contract documents."""
        await self._documents.prepare()

    async def start(self) -> None:
        """Start every part; when it returns, the service is ready."""
        await self.runtime.start()
        try:
            dispatcher = self._dispatcher()
            self._http = HttpServer(
                self.settings.http_host, self.settings.http_port, dispatcher.handle, dispatcher.explain
            )
            self.http_port = await self._http.start()
        except BaseException:
            await self.runtime.stop()
            raise
        await self.runtime.serving(True)
        log.info("ready", http=self.http_port, grpc=self.runtime.grpc_port, private=self.runtime.private_port)

    async def stop(self) -> None:
        """Accept calls for `drain_seconds` more, then finish those in progress within `shutdown_seconds`, and close."""
        stop_by = monotonic() + self.settings.drain_seconds + self.settings.shutdown_seconds
        await self.runtime.serving(False)
        await asyncio.sleep(self.settings.drain_seconds)
        if self._http is not None:
            await self._http.stop(self.settings.shutdown_seconds)
        await self.runtime.stop(stop_by - monotonic())
        log.info("stopped")

    def _dispatcher(self) -> Dispatcher:
        parts = self.runtime.parts
        return Dispatcher(
            parts.endpoints,
            self.runtime.http_context(),
            self._documents,
            raw=parts.raw_endpoints,
            folders=self.service.folders,
        )


def run(service: Service) -> None:
    """Run this service until told to stop. Exit code 0, 2 for an invalid setting, 1 for a failed start."""
    main(service, Application)


class NotStarted(Exception):
    """Why a process did not start, in one line."""


def main(service: Service, make: Callable[[Service, Any], Runnable]) -> None:
    """Run what `make` returns for a service and its settings until told to stop; see `run`."""
    # Our log has lost peers; gRPC's core would write each of them to standard error as well.
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        settings: BaseSettings = load(service.settings, os.environ)
        logs.configure(settings.log_level, service=service.name, replica=settings.replica, build=settings.build_id)
        uvloop.run(_live(make(service, settings)))
    except (SettingsError, NotProvided) as failure:
        _give_up(service, failure, EXIT_SETTINGS)
    except NotStarted as failure:
        _give_up(service, failure, EXIT_START)


async def _live(application: Runnable) -> None:
    stop_asked = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop_asked.set)
    try:
        await _unless(stop_asked, application.start())
    except (DatabaseError, UnfitServer, OSError, RuntimeError) as failure:
        raise NotStarted(f"can't start: {failure}") from failure
    # Objects made until now are permanent: keep the garbage collector from scanning them again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    warming = asyncio.create_task(_warmed(application))
    await stop_asked.wait()
    warming.cancel()
    await asyncio.gather(warming, return_exceptions=True)
    await application.stop()


async def _warmed(application: Runnable) -> None:
    try:
        await application.warm()
    except Exception:
        # They are made when they are first asked for.
        log.exception("the contract documents could not be made at start")


async def _unless(stop_asked: asyncio.Event, starting: Coroutine[Any, Any, None]) -> None:
    """Start, unless told to stop before it is done."""
    start, stop = asyncio.create_task(starting), asyncio.create_task(stop_asked.wait())
    await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if start.done():
        start.result()
    else:
        start.cancel()
        await asyncio.gather(start, return_exceptions=True)
        sys.exit(0)


def _give_up(service: Service, failure: Exception, code: int) -> None:
    sys.stderr.write(f"{service.name}: {' '.join(str(failure).split())}\n")
    sys.exit(code)
