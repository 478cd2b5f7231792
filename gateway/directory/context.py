"""What the gRPC and the HTTP side of one gateway share of the directory: who resolves, and which roles there are.

A change that was made here is told to whoever remembers answers, so that it holds at once.
"""

from collections.abc import Awaitable, Callable
from weakref import WeakKeyDictionary

from chassis.clock import Clock
from chassis.gate import Gate
from chassis.unit import Units
from gateway.directory.local import LocalDirectory
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
        """Be told whenever something in the directory was changed here."""
        self._listeners.append(listener)

    def learn_from(self, learn: LearnRoles) -> None:
        """Where the roles that the services declare are learnt."""
        self._learn = learn

    def changed(self) -> None:
        """Something was changed here."""
        for listener in self._listeners:
            listener()

    async def roles(self, wanted: list[str]) -> frozenset[str]:
        """Every role word there is; the services are asked only where one is wanted that is not known yet."""
        if self._learn is not None and not self._roles.issuperset(wanted):
            self._roles |= await self._learn()
        return self._roles


_CONTEXTS: WeakKeyDictionary[Units, DirectoryContext] = WeakKeyDictionary()


def directory_context_of(units: Units, clock: Clock, gate: Gate, settings: GatewaySettings) -> DirectoryContext:
    """The context of a process; there is one for each `Units`."""
    if units not in _CONTEXTS:
        _CONTEXTS[units] = DirectoryContext(units, clock, gate, settings)
    return _CONTEXTS[units]
