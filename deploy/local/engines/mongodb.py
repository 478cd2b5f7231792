"""The database: the one in MONGODB_URI, a mongod on PATH, a container, or the embedded server, in this order."""

import os
from collections.abc import Callable
from pathlib import Path

from deploy.local import ports
from deploy.local.engines.docker import DockerMongo
from deploy.local.engines.engine import Engine, Given, Kind, Say, first_available, quiet
from deploy.local.engines.mongod import Mongod
from deploy.local.engines.secantus import Secantus

VARIABLE = "MONGODB_URI"


def makers(directory: Path, port: int, log: Path | None = None) -> dict[Kind, Callable[[], Engine]]:
    """A function per kind that makes the engine without starting it, in the order the kinds are tried."""
    return {
        "given": lambda: Given(os.environ.get(VARIABLE, ""), VARIABLE),
        "path": lambda: Mongod(directory, port, log),
        "docker": lambda: DockerMongo(directory, port),
        "embedded": lambda: Secantus(directory, port, log),
    }


def start(
    directory: Path,
    *,
    port: int | None = None,
    kind: Kind | None = None,
    log: Path | None = None,
    say: Say = quiet,
) -> Engine:
    """Start a database with its data in `directory`: of `kind`, else of the first available kind."""
    found = makers(directory, ports.any_free() if port is None else port, log)
    return first_available(found, kind, VARIABLE, say, "MongoDB server")
