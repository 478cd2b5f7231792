"""Load balancing over the replicas of a service, with a circuit breaker.

The least busy replica gets the call, in turn among equals. A replica that fails several times in a row is taken out;
after half a second one call at a time tries it, and the first success brings it back.
"""

from collections.abc import Callable, Collection
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from chassis.errors import Unavailable


class Replica:
    """One process of a service and its state. `pool` is where the raw client keeps its connections."""

    __slots__ = (
        "_failures_max",
        "_now",
        "_open_seconds",
        "_opened_at",
        "authority",
        "busy",
        "failures",
        "host",
        "pool",
        "port",
        "probing",
        "service",
    )

    def __init__(
        self,
        service: str,
        address: str,
        failures_max: int = 5,
        open_seconds: float = 0.5,
        now: Callable[[], float] = monotonic,
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme != "http" or not parts.hostname or parts.path not in {"", "/"}:
            raise ValueError(f"{service}: {address!r} is not http://host:port")
        self.service = service
        self.host = parts.hostname
        self.port = parts.port or 80
        self.authority = f"{parts.hostname}:{self.port}" if ":" not in parts.hostname else f"[{self.host}]:{self.port}"
        self.busy = 0
        self.failures = 0
        self.probing = False
        self.pool: Any = None
        self._failures_max = failures_max
        self._open_seconds = open_seconds
        self._opened_at: float | None = None
        self._now = now

    @property
    def out(self) -> bool:
        """Whether it is taken out now."""
        return self._opened_at is not None

    def takes(self) -> bool:
        """Whether it may get a call now."""
        if self._opened_at is None:
            return True
        return not self.probing and self._now() - self._opened_at >= self._open_seconds

    def begin(self) -> None:
        """Note that a call is sent to it."""
        self.busy += 1
        if self._opened_at is not None:
            self.probing = True

    def succeeded(self) -> None:
        """Note that it has answered, with any status."""
        self.busy -= 1
        self.failures = 0
        self.probing = False
        self._opened_at = None

    def failed(self, *, at_once: bool = False) -> None:
        """Note that it could not be reached, broke off, or took too long; `at_once` takes it out for that alone."""
        self.busy -= 1
        self.failures += 1
        self.probing = False
        if self._opened_at is not None or self.failures >= self._failures_max or at_once:
            self._opened_at = self._now()

    def abandoned(self) -> None:
        """Note that the call was cancelled by its caller, which says nothing about the replica."""
        self.busy -= 1
        self.probing = False


class Upstream:
    """A service: its replicas. `suspect` is called when one of them cannot be reached."""

    def __init__(self, name: str, replicas: Collection[Replica] = ()) -> None:
        self.name = name
        self.replicas = list(replicas)
        self.suspect: Callable[[], None] = _nothing
        self._turn = 0

    def replace(self, replicas: Collection[Replica]) -> None:
        """Have these replicas from now on. Those that are gone end their calls and close their connections."""
        gone = [replica for replica in self.replicas if replica not in replicas]
        self.replicas = list(replicas)
        for replica in gone:
            if replica.pool is not None:
                replica.pool.retire()

    def refused(self, replica: Replica) -> None:
        """Note that a replica could not be reached at all: if there are others, it is taken out at once."""
        replica.failed(at_once=len(self.replicas) > 1)
        self.suspect()

    def pick(self, tried: Collection[Replica] = ()) -> Replica:
        """The replica for the next call, none of `tried`. Raises `Unavailable` if there is none."""
        count = len(self.replicas)
        best: Replica | None = None
        for place in range(count):
            replica = self.replicas[(self._turn + place) % count]
            if replica in tried or not replica.takes():
                continue
            if best is None or replica.busy < best.busy:
                best = replica
        if best is None:
            raise unreachable(self.name)
        self._turn = (self._turn + 1) % count
        return best


def _nothing() -> None:
    """Nobody looks for other replicas."""


def unreachable(service: str) -> Unavailable:
    """The refusal of a call whose service does not answer."""
    return Unavailable(f"{service} can't be reached", 1)
