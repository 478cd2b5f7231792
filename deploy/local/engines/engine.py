"""What an engine is: a database or a broker that somebody runs, and that some of us may stop, kill and bring back.

The kinds, in the order they are tried: `given` by address, `path` (a program found on this machine), `docker`, and
`embedded` (installed for the purpose). One that cannot be had here raises Unavailable, and the next is tried.
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
    """This kind of engine cannot be had on this machine; the message says why."""


def quiet(_: str) -> None:
    """Say nothing."""


class Engine(ABC):
    """A database or a broker. `uri` is where clients find it, `name` says which program answers there."""

    kind: Kind
    name: str
    uri: str
    embedded: bool = False

    def __init__(self) -> None:
        self.processes: list[Running] = []

    @property
    def port(self) -> int | None:
        """The port it listens on, or None where it is not ours."""
        return None

    def install(self, say: Say) -> None:
        """Fetch what is needed to run it; at once where it is there already."""
        _ = say

    @abstractmethod
    def start(self) -> None:
        """Start it on its port and data, and wait until it answers."""

    def running(self) -> bool:
        """Whether it runs, as far as we can tell without asking it."""
        return bool(self.processes) and all(process.alive(running) for running in self.processes)

    def stop(self) -> None:
        """Stop it as it wants to be stopped. What it was told is kept."""
        while self.processes:
            process.stop(self.processes[0], STOP_SECONDS)
            self.processes.pop(0)

    def kill(self) -> None:
        """End it at once (SIGKILL), as a power cut would. What it acknowledged is kept."""
        while self.processes:
            process.kill(self.processes.pop(0))

    def restart(self) -> None:
        """Start it again after `stop` or `kill`: same port, same data."""
        self.start()

    def forget(self) -> None:
        """Remove its data, where they are ours."""
        return

    def forget_sessions(self) -> None:
        """Free what a killed client's open transactions hold, where the engine would keep it for a while."""
        return


class Given(Engine):
    """An engine that somebody else runs, named by its address."""

    kind = "given"

    def __init__(self, uri: str, name: str) -> None:
        super().__init__()
        self.uri = uri
        self.name = name

    def start(self) -> None:
        """It is not ours to start: Failed where nothing answers at any of its addresses."""
        if not process.wait_until(self.running, GIVEN_SECONDS):
            shown = ", ".join(f"{host}:{port}" for port, host in _places(self.uri))
            raise Failed(f"{self.name} is set, and nothing answers at {shown}: start what it names, or unset it")

    def running(self) -> bool:
        """Whether something answers at one of its addresses; taken for granted where it says none."""
        places = list(_places(self.uri))
        return not places or any(ports.answers(*place) for place in places)

    def restart(self) -> None:
        """Refused: it is not ours."""
        raise Failed(f"{self.name} is not ours to restart")

    def kill(self) -> None:
        """Refused: it is not ours."""
        raise Failed(f"{self.name} is not ours to kill")


def _places(uri: str) -> Iterator[tuple[int, str]]:
    """Ports and hosts that an address names; none where only the name service knows them (`mongodb+srv`)."""
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
    """The engine of that kind; or what the variable names; or the first that can be had here. Installed and started."""
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
    raise Failed(f"no {what} can be had: " + "; ".join(reasons))


def engines_home(root: Path) -> Path:
    """Where fetched engine programs are kept, below the project's folder."""
    return root / ".run" / "engines"
