"""The gateway as a list of its parts: the runtime of every process, the directory, and the HTTP server."""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any

from chassis.clock import Clock
from chassis.cpu_pool import cpu_pool
from chassis.runtime import Runtime
from chassis.service import Service
from chassis.telemetry.log import get_logger
from gateway.directory.context import DirectoryContext, directory, directory_context
from gateway.limits.limits import Limits, limits
from gateway.server import GatewayServer
from gateway.settings import GatewaySettings
from gateway.telemetry.counts import request_counts
from gateway.upstream.client import upstream_client

GATEWAY = Service(
    name="gateway",
    title="Gateway",
    description="The entrance of the stack: it identifies the caller and the org, and passes calls on to the services.",
    settings=GatewaySettings,
    package="gateway",
    features=["directory"],
    roles={},
    resources=[cpu_pool, directory_context, directory, limits, request_counts, upstream_client],
)

log = get_logger("gateway.app")


class Gateway:
    """A gateway process. In tests: `await gateway.start()`, send requests to `http_port`, `await gateway.stop()`."""

    def __init__(
        self,
        service: Service,
        settings: GatewaySettings,
        clock: Clock | None = None,
        doubles: Mapping[Any, Any] | None = None,
    ) -> None:
        self.settings = settings
        self.runtime = Runtime(service, settings, clock, doubles)
        self.http_port = 0
        self.entrance: GatewayServer

    async def start(self) -> None:
        """Start every part; the gateway is ready when this returns."""
        await self.runtime.start()
        try:
            await self._open()
        except BaseException:
            await self.runtime.stop()
            raise
        await self.runtime.serving(True)
        memory = self.runtime.provided.get(Limits).memory
        if memory is not None:
            memory.put("private_port", self.runtime.private_port)
        log.info("ready", http=self.http_port, grpc=self.runtime.grpc_port, private=self.runtime.private_port)

    async def warm(self) -> None:
        """Fetch the services' documents and make the gateway's own."""
        await self.entrance.documents.prepare()

    async def stop(self) -> None:
        """Accept requests for `drain_seconds` more, answer those in flight within `shutdown_seconds`, and close."""
        stop_by = monotonic() + self.settings.drain_seconds + self.settings.shutdown_seconds
        await self.runtime.serving(False)
        await asyncio.sleep(self.settings.drain_seconds)
        await self.entrance.stop(self.settings.shutdown_seconds)
        await self.runtime.stop(max(0.1, stop_by - monotonic()))
        log.info("stopped")

    async def _open(self) -> None:
        runtime = self.runtime
        context = runtime.provided.get(DirectoryContext)
        self.entrance = runtime.provided.make(GatewayServer)
        context.listen(self.entrance.resolver.forget)
        context.learn_from(self.entrance.documents.roles)
        self.http_port = await self.entrance.start()
