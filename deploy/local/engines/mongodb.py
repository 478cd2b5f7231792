"""The database: what MONGODB_URI names, a mongod on PATH, a container, or the embedded server, in this order."""

import os
from pathlib import Path

from deploy.local import ports
from deploy.local.engines.docker import DockerMongo
from deploy.local.engines.engine import Engine, Given, Kind, Say, first_available, quiet
from deploy.local.engines.mongod import Mongod
from deploy.local.engines.secantus import Secantus


def start(
    directory: Path,
    *,
    port: int | None = None,
    kind: Kind | None = None,
    log: Path | None = None,
    say: Say = quiet,
) -> Engine:
    """Start a database with its data in the directory, of the kind asked for or of the first that can be had here."""
    given = os.environ.get("MONGODB_URI")
    if kind == "given" or (kind is None and given):
        return Given(given or "", "MONGODB_URI")
    place = ports.any_free() if port is None else port
    makers = {
        "path": lambda: Mongod(directory, place, log),
        "docker": lambda: DockerMongo(directory, place),
        "embedded": lambda: Secantus(directory, place, log),
    }
    return first_available([makers[kind]] if kind else list(makers.values()), say, "MongoDB server")
