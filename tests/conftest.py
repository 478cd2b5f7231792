"""What every test may ask for: a database, a broker, names of its own in both; how tests are spread."""

import asyncio
import os
import signal
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from pymongo import MongoClient

from deploy.local import guard, journal
from deploy.local.engines import docker, mongodb, rabbitmq
from deploy.local.engines.engine import Engine
from tests.engines import Place, Room, header, new_room
from tests.outages.listener import QUEUE_SAFE_SECONDS, declare
from tests.outages.world import World
from tests.running import Engines, share_event_loop
from tests.shapes import every_shape_is_served, scanned
from tests.spread import Spread, longest_first

__all__ = ["every_shape_is_served"]

# A busy machine is no defect of what is tested.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

# Drawing a failure with all local variables around it, as is the default, holds up the loop that logs it for seconds.
PLAIN = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
structlog.configure(processors=[*structlog.get_config()["processors"][:-1], PLAIN])

SHARING = ("contract", "ics", "pmc", "slc", "visualgrid")
"""Folders in which all tests of a module share the services that the module has started."""

ROOM = pytest.StashKey[Room]()
GUARD = pytest.StashKey[guard.Guard]()


def pytest_configure(config: pytest.Config) -> None:
    """Open the run's room. The controller owns it; a worker is told where it is."""
    told = getattr(config, "workerinput", None)
    if told is not None:
        room = Room(Path(told["room"]))
    else:
        room = new_room()
        config.stash[GUARD] = guard.Guard([sys.executable, "-m", "deploy.local.guard", str(room.journal)])
        signal.signal(signal.SIGTERM, _interrupt)
    config.stash[ROOM] = room
    os.environ[journal.VARIABLE] = str(room.journal)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    """End the run in order when it is asked to end."""
    raise KeyboardInterrupt


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker where the room is."""
    node.workerinput["room"] = str(node.config.stash[ROOM].folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    """End all that the run started, and remove its folder."""
    guard = config.stash.get(GUARD, None)
    if guard is not None:
        guard.close()


def pytest_report_header() -> str:
    """Say which engines this run uses."""
    return header(docker.answers())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Spread:
    """Spread the tests over the workers in our own way."""
    return Spread(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest, and let tests that share a service share its event loop."""
    longest_first(items)
    for folder in SHARING:
        share_event_loop(items, Path(__file__).parent / folder)


@pytest.fixture(scope="session")
def room(pytestconfig: pytest.Config) -> Room:
    """The folder of this run."""
    return pytestconfig.stash[ROOM]


@pytest.fixture(scope="session")
def mongodb_place(room: Room) -> Place:
    """The run's database, started now if it does not run yet."""
    return room.place("mongodb")


@pytest.fixture(scope="session")
def mongodb_uri(mongodb_place: Place) -> str:
    """Where the database is."""
    return mongodb_place.uri


@pytest.fixture(scope="session")
def mongodb_engine(mongodb_place: Place) -> str:
    """Which kind it is, in the words of the setting MONGODB_ENGINE: given, docker or embedded."""
    return mongodb_place.kind


@pytest.fixture(scope="session")
def amqp_url(room: Room) -> str:
    """Where the broker is."""
    return room.place("rabbitmq").uri


@pytest.fixture(scope="session")
def mongodb_client(mongodb_uri: str) -> Iterator[MongoClient[dict[str, Any]]]:
    """A plain client, for arranging and looking, never for what is tested."""
    with MongoClient[dict[str, Any]](mongodb_uri) as client:
        yield client


@pytest.fixture
def database_name(mongodb_client: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """A database name of the test's own. It, and all whose names begin with it, are dropped afterwards, once the engine
    has explained each new shape of query that was sent to them: none may scan its collection."""
    yield from _named_database(mongodb_client)


def _named_database(client: MongoClient[dict[str, Any]]) -> Iterator[str]:
    name = f"t{uuid.uuid4().hex}"
    yield name
    scans: list[str] = []
    for existing in client.list_database_names():
        if existing.startswith(name):
            scans += scanned(client[existing])
            client.drop_database(existing)
    assert not scans, "the engine scans the collection for:\n" + "\n".join(scans)


@pytest.fixture(scope="module")
def module_database(mongodb_client: MongoClient[dict[str, Any]]) -> Iterator[str]:
    """As `database_name`, for all tests of a module."""
    yield from _named_database(mongodb_client)


@pytest.fixture(scope="module")
def engines(mongodb_uri: str, mongodb_engine: str, amqp_url: str, module_database: str) -> Engines:
    """Database and broker for a service that all tests of a module share."""
    return Engines(mongodb_uri=mongodb_uri, mongodb_engine=mongodb_engine, amqp_url=amqp_url, name=module_database)


@pytest.fixture
def bus_prefix() -> str:
    """A prefix of the test's own for exchanges and queues."""
    return f"t{uuid.uuid4().hex}."


@pytest.fixture
def private_mongodb(tmp_path: Path) -> Iterator[Engine]:
    """A database of the test's own, to be killed and brought back at will."""
    yield from _private(mongodb.start(tmp_path / "mongodb", kind="embedded"))


@pytest.fixture
def private_rabbitmq(tmp_path: Path) -> Iterator[Engine]:
    """A broker of the test's own, to be killed and brought back at will."""
    yield from _private(rabbitmq.start(tmp_path / "rabbitmq", kind="embedded"))


def _private(engine: Engine) -> Iterator[Engine]:
    yield engine
    engine.stop()


@pytest.fixture(scope="session")
def world(room: Room) -> Iterator[World]:
    """A whole stack, brought up by the launcher for all tests that want one, and taken down at the end."""
    stack = World(room.folder / "outages")
    try:
        stack.up()
        declared = asyncio.run(declare(stack.stack["AMQP_URL"]))
        time.sleep(max(0.0, declared + QUEUE_SAFE_SECONDS - time.monotonic()))
        yield stack
    finally:
        stack.down()
