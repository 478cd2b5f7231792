"""The engines a test run uses: one database and one broker, started when the first test asks for one.

Which: what MONGODB_URI and AMQP_URL name, else containers where a Docker engine answers, else the embedded server and
this machine's RabbitMQ. Workers of one run share them: the first to ask starts one and writes down where it is.
"""

import os
import tempfile
import warnings
from pathlib import Path
from typing import Literal

import msgspec
from filelock import FileLock

from deploy.local import journal, ports, process
from deploy.local.engines import docker, mongodb, rabbitmq
from deploy.local.engines.mongod import REPLICA_SET, make_replica_set
from deploy.local.engines.secantus import Secantus

Kind = Literal["given", "docker", "embedded"]
Role = Literal["mongodb", "rabbitmq"]

CONTAINER_SECONDS = 90.0
START_SECONDS = 400.0
ADDRESSES: dict[Role, str] = {"mongodb": "MONGODB_URI", "rabbitmq": "AMQP_URL"}


class Place(msgspec.Struct):
    """Where an engine is, and of which kind it is."""

    kind: Kind
    uri: str


def kind_of(role: Role, docker_answers: bool) -> Kind:
    """Which kind this run uses."""
    if os.environ.get(ADDRESSES[role]):
        return "given"
    return "docker" if docker_answers else "embedded"


def header(docker_answers: bool) -> str:
    """What the report says first."""
    databases = {"given": "MONGODB_URI", "docker": f"testcontainers {docker.MONGO_IMAGE}", "embedded": Secantus.name}
    brokers = {"given": "AMQP_URL", "docker": f"testcontainers {docker.RABBIT_IMAGE}", "embedded": rabbitmq.Rabbit.name}
    database, broker = databases[kind_of("mongodb", docker_answers)], brokers[kind_of("rabbitmq", docker_answers)]
    return f"engines: {database}; {broker}"


class Room:
    """The folder of one run, in which its engines live and in which the workers find each other."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def journal(self) -> Path:
        """The list of processes to end with the run."""
        return self.folder / "journal"

    def place(self, role: Role) -> Place:
        """Where the engine is; started now if this is the first time anybody asks."""
        file = self.folder / f"{role}.json"
        with FileLock(str(self.folder / f"{role}.lock"), timeout=START_SECONDS):
            if file.exists():
                return msgspec.json.decode(file.read_bytes(), type=Place)
            place = self._start(role)
            file.write_bytes(msgspec.json.encode(place))
            return place

    def _start(self, role: Role) -> Place:
        kind = kind_of(role, docker.answers())
        if kind == "given":
            return Place(kind, os.environ[ADDRESSES[role]])
        if kind == "docker":
            return Place(kind, mongodb_container() if role == "mongodb" else rabbitmq_container())
        if role == "mongodb":
            return Place(kind, mongodb.start(self.folder / role, kind="embedded").uri)
        return Place(kind, rabbitmq.start(self.folder / role, kind="embedded").uri)


def new_room() -> Room:
    """A folder for this run; short-named, because brokers put socket and node names below it."""
    return Room(Path(tempfile.mkdtemp(prefix="retailstack-tests-")))


def mongodb_container() -> str:
    """Start MongoDB as a replica set of one in a container; its address."""
    port = ports.any_free()
    _start_container(docker.MONGO_IMAGE, port, port, f"--replSet {REPLICA_SET} --bind_ip_all --port {port}")
    assert process.wait_until(lambda: ports.answers(port), CONTAINER_SECONDS), "MongoDB's container does not answer"
    make_replica_set(port)
    return f"mongodb://{ports.LOOPBACK}:{port}/?replicaSet={REPLICA_SET}"


def rabbitmq_container() -> str:
    """Start RabbitMQ in a container; its address."""
    port = ports.any_free()
    _start_container(docker.RABBIT_IMAGE, 5672, port, "")
    assert process.wait_until(lambda: ports.speaks_amqp(port), CONTAINER_SECONDS), "RabbitMQ's container is silent"
    return f"amqp://guest:guest@{ports.LOOPBACK}:{port}/"


def _start_container(image: str, inside: int, outside: int, command: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from testcontainers.core.config import testcontainers_config  # noqa: PLC0415 - only where Docker answers
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415

        # Its own reaper would end the container with the worker that started it; the run's journal ends it instead.
        testcontainers_config.ryuk_disabled = True
        container = DockerContainer(image).with_bind_ports(inside, outside)
        if command:
            container = container.with_command(command)
        container.start()
        journal.record(str(container.get_wrapped_container().id))
