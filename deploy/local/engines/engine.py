"""Engines: the database or broker of a stack, given by address or run by the launcher.

The kinds, in the order they are tried: `given` by address, `path` (a program found on this machine), `docker`, and
`embedded` (installed by the launcher). A kind that is not available raises Unavailable, and the next is tried.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from deploy.local import ports, process
from deploy.local.process import Failed
from deploy.local.running import Running

Kind = Literal["given", "path", "docker", "embedded"]
Say = Callable[[str], None]

STOP_SECONDS = 30.0
GIVEN_SECONDS = 5.0
DEFAULT_PORTS = {"mongodb": 27017, "amqp": 5672, "amqps": 5671}


class EngineUnavailable(Exception):
    """This kind of engine is not available on this machine; the message says why."""


def quiet(_: str) -> None:
    """Print nothing."""


class Engine(ABC):
    """A database or a broker. Clients connect to `uri`; `name` is the program and its version, for people."""

    kind: Kind
    name: str
    uri: str
    embedded: bool = False

    def __init__(self) -> None:
        self.processes: list[Running] = []

    @property
    def port(self) -> int | None:
        """The port it listens on; None for a given engine."""
        return None

    def install(self, say: Say) -> None:
        """Install the program if it is missing. Raises EngineUnavailable if that is not possible."""
        _ = say

    @abstractmethod
    def start(self) -> None:
        """Start it and wait until it answers. Raises Failed if it does not."""

    def running(self) -> bool:
        """Whether its processes are alive."""
        return bool(self.processes) and all(process.alive(running) for running in self.processes)

    def stop(self) -> None:
        """Stop it in order; its data stay."""
        while self.processes:
            process.stop(self.processes[0], STOP_SECONDS)
            self.processes.pop(0)

    def kill(self) -> None:
        """Kill it (SIGKILL), like a power cut. Acknowledged writes stay."""
        while self.processes:
            process.kill(self.processes.pop(0))

    def restart(self) -> None:
        """Start it again after `stop` or `kill`: same port, same data."""
        self.start()

    def forget(self) -> None:
        """Remove its data, if the launcher made them."""
        return

    def forget_sessions(self) -> None:
        """End the sessions of killed clients, so that their open transactions block nothing."""
        return


class Given(Engine):
    """An engine that the launcher does not run, given by its address."""

    kind = "given"

    def __init__(self, uri: str, name: str) -> None:
        super().__init__()
        self.uri = uri
        self.name = name

    def start(self) -> None:
        """Wait until one of its addresses accepts connections. Raises Failed if none does."""
        if not process.wait_until(self.running, GIVEN_SECONDS):
            shown = ", ".join(f"{host}:{port}" for port, host in _places(self.uri))
            raise Failed(f"{self.name} is set, and nothing answers at {shown}: start what it names, or unset it")

    def running(self) -> bool:
        """Whether one of its addresses accepts connections; True if the URI names no host to test."""
        places = list(_places(self.uri))
        return not places or any(ports.answers(*place) for place in places)

    def restart(self) -> None:
        """Raises Failed: the launcher does not run this engine."""
        raise Failed(f"{self.name} is not ours to restart")

    def kill(self) -> None:
        """Raises Failed: the launcher does not run this engine."""
        raise Failed(f"{self.name} is not ours to kill")


def _places(uri: str) -> Iterator[tuple[int, str]]:
    """Ports and hosts in an address; none if DNS holds them (`mongodb+srv`)."""
    parts = urlsplit(uri)
    default = DEFAULT_PORTS.get(parts.scheme)
    if default is None:
        return
    for place in parts.netloc.rpartition("@")[2].split(","):
        one = urlsplit(f"//{place}")
        if one.hostname:
            yield one.port or default, one.hostname


def first_available(
    makers: Mapping[Kind, Callable[[], Engine]], kind: Kind | None, variable: str, say: Say, what: str
) -> Engine:
    """Install and start an engine: of `kind`, else the given one, else the first available; Failed if none is."""
    if kind is None and os.environ.get(variable):
        kind = "given"
    reasons = []
    for candidate in [kind] if kind else [other for other in makers if other != "given"]:
        engine: Engine | None = None
        try:
            engine = makers[candidate]()
            engine.install(say)
            engine.start()
        except EngineUnavailable as reason:
            reasons.append(str(reason))
        except BaseException:
            if engine is not None:
                for running in engine.processes:
                    process.kill(running)
            raise
        else:
            return engine
    raise Failed(f"no {what} is available: " + "; ".join(reasons))


def engines_home(root: Path) -> Path:
    """The folder for downloaded engine programs."""
    return root / ".run" / "engines"
