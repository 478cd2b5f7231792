"""The stack's two engines by role: started, and found again by a later launcher."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec

from deploy.local.engines import mongodb, rabbitmq
from deploy.local.engines.engine import Engine, Given, Kind, Say, first_available
from deploy.local.running import Running


class Makers(Protocol):
    """IndexedQueries to make an engine, by kind."""

    def __call__(self, directory: Path, port: int, log: Path | None = None) -> dict[Kind, Callable[[], Engine]]:
        """All kinds for this place."""
        ...


class Role(msgspec.Struct, frozen=True):
    """What an engine is for. `first_port` is the first port tried."""

    name: str
    what: str
    variable: str
    first_port: int
    makers: Makers


ROLES = {
    "mongodb": Role("mongodb", "MongoDB server", mongodb.VARIABLE, 18600, mongodb.makers),
    "rabbitmq": Role("rabbitmq", "RabbitMQ", rabbitmq.VARIABLE, 18620, rabbitmq.makers),
}


class EngineState(msgspec.Struct, kw_only=True):
    """What is stored about a started engine, to find it again, stop it, and start it on the same data."""

    kind: Kind
    name: str
    uri: str
    port: int | None
    embedded: bool
    processes: list[Running]


def remember(engine: Engine) -> EngineState:
    """The state to store, from which `find` makes the engine again."""
    return EngineState(
        kind=engine.kind,
        name=engine.name,
        uri=engine.uri,
        port=engine.port,
        embedded=engine.embedded,
        processes=list(engine.processes),
    )


def find(role: Role, state: EngineState, directory: Path, log: Path) -> Engine:
    """The engine from its stored state, whether it runs or not."""
    if state.kind == "given":
        return Given(state.uri, state.name)
    engine = role.makers(directory, state.port or 0, log)[state.kind]()
    engine.processes = list(state.processes)
    return engine


def current_state(role: Role, state: EngineState | None) -> EngineState | None:
    """The stored state, or None if the environment now names another engine or no longer names a given one.

    A shell that has read `stack.env` names the engine that the launcher started; that one stays in use.
    """
    named = os.environ.get(role.variable)
    if state is None or (named != state.uri and (named or state.kind == "given")):
        return None
    return state


def bring_up(role: Role, state: EngineState | None, directory: Path, port: int, log: Path, say: Say) -> Engine:
    """Start an engine: of the stored kind on its data, else of the first available kind. Raises Failed if none is."""
    kind = None if state is None else state.kind
    engine = first_available(role.makers(directory, port, log), kind, role.variable, say, role.what)
    say(f"{engine.name} answers" + (f" on port {engine.port}" if engine.port else ""))
    return engine
