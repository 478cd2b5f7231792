"""The parts of the directory that the gRPC and HTTP sides of one gateway share: the resolver and the known roles.

Changes made here are announced to the caches of this gateway, so that they take effect at once.
"""

from collections.abc import AsyncIterator, Awaitable, Callable

from chassis.clock import Clock
from chassis.gate import Gate
from chassis.resource import resource
from chassis.rpc.client import Channels
from chassis.unit import Units
from gateway.caller.resolve import Directory
from gateway.directory.local import LocalDirectory
from gateway.directory.remote import PEER, RemoteDirectory
from gateway.directory.store import SYNONYMS
from gateway.settings import GatewaySettings

LearnRoles = Callable[[], Awaitable[frozenset[str]]]


class DirectoryContext:
    """The directory of one gateway."""

    def __init__(self, units: Units, clock: Clock, gate: Gate, settings: GatewaySettings) -> None:
        self.directory = LocalDirectory(units, clock, gate, settings.used_seconds)
        self._roles = frozenset(settings.roles) | frozenset(SYNONYMS)
        self._learn: LearnRoles | None = None
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after every change made to the directory here."""
        self._listeners.append(listener)

    def learn_from(self, learn: LearnRoles) -> None:
        """Set the function that asks the services for the roles they declare."""
        self._learn = learn

    def changed(self) -> None:
        """Announce a change to the listeners."""
        for listener in self._listeners:
            listener()

    async def roles(self, wanted: list[str]) -> frozenset[str]:
        """All known roles. The services are asked only if `wanted` contains an unknown one."""
        if self._learn is not None and not self._roles.issuperset(wanted):
            self._roles |= await self._learn()
        return self._roles


@resource
async def directory_context(
    units: Units, clock: Clock, gate: Gate, settings: GatewaySettings
) -> AsyncIterator[DirectoryContext]:
    """The gateway's own directory, shared by its HTTP and gRPC sides."""
    context = DirectoryContext(units, clock, gate, settings)
    await context.directory.start()
    try:
        yield context
    finally:
        await context.directory.stop()


@resource
async def directory(
    context: DirectoryContext, channels: Channels, settings: GatewaySettings
) -> AsyncIterator[Directory]:
    """The directory that resolves credentials: this gateway's own, unless the settings name another."""
    if not settings.directory_grpc:
        yield context.directory
        return
    channels.addresses[PEER] = settings.directory_grpc
    yield RemoteDirectory(channels)
