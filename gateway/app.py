"""The gateway as a list of its parts: what every process of the stack runs on, its directory, and the HTTP entrance."""

from time import monotonic

from chassis.clock import Clock
from chassis.runtime import Runtime
from chassis.service import Service
from chassis.telemetry.log import get_logger
from gateway.caller.resolve import Directory
from gateway.directory.context import directory_context_of
from gateway.directory.remote import PEER, RemoteDirectory
from gateway.server import GatewayServer
from gateway.settings import GatewaySettings
from gateway.telemetry.counts import Counts

GATEWAY = Service(
    name="gateway",
    title="Gateway",
    description="The entrance of the stack: it identifies the caller and the org, and passes calls on to the services.",
    settings=GatewaySettings,
    package="gateway",
    features=["directory"],
    roles={},
)

log = get_logger("gateway.app")


class Gateway:
    """A running gateway. In tests: `await gateway.start()`, ask its `http_port`, `await gateway.stop()`."""

    def __init__(self, service: Service, settings: GatewaySettings, clock: Clock | None = None) -> None:
        self.settings = settings
        self.runtime = Runtime(service, settings, clock)
        self.http_port = 0
        self.entrance: GatewayServer

    async def start(self) -> None:
        """Bring every part up; from its return on, the gateway is ready."""
        await self.runtime.start()
        try:
            await self._open()
        except BaseException:
            await self.runtime.stop()
            raise
        await self.runtime.serving(True)
        log.info("ready", http=self.http_port, grpc=self.runtime.grpc_port, private=self.runtime.private_port)

    async def stop(self) -> None:
        """Answer what is on its way and close, within the settings' `shutdown_seconds`."""
        stop_by = monotonic() + self.settings.shutdown_seconds
        await self.runtime.serving(False)
        await self.entrance.stop(self.settings.shutdown_seconds)
        await self._context.directory.stop()
        await self.runtime.stop(max(0.1, stop_by - monotonic()))
        log.info("stopped")

    async def _open(self) -> None:
        runtime = self.runtime
        self._context = directory_context_of(runtime.units, runtime.clock, runtime.gate, self.settings)
        counts = Counts()
        counts.show_in(runtime.metrics.registry)
        self.entrance = GatewayServer(
            self.settings, runtime.clock, directory=self._directory(), gate=runtime.gate, counts=counts
        )
        self._context.listen(self.entrance.resolver.forget)
        self._context.learn_from(self.entrance.documents.roles)
        await self._context.directory.start()
        self.http_port = await self.entrance.start()

    def _directory(self) -> Directory:
        """Who is asked whose a credential is: this gateway's own database, unless the settings name another."""
        if not self.settings.directory_grpc:
            return self._context.directory
        self.runtime.channels.addresses[PEER] = self.settings.directory_grpc
        return RemoteDirectory(self.runtime.channels)
