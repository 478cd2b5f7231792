"""Engines in containers, if a Docker engine answers. Data are in named volumes; ports are on loopback only."""

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deploy.local import ports, process
from deploy.local.engines.engine import Engine, EngineUnavailable, Say
from deploy.local.engines.mongod import REPLICA_SET, make_replica_set
from deploy.local.process import Failed

MONGO_IMAGE = "mongo:8.0"
RABBIT_IMAGE = "rabbitmq:4.1"
ANSWER_SECONDS = 5.0
PULL_SECONDS = 600.0
VERB_SECONDS = 60.0
START_SECONDS = 90.0


def docker(*words: str, seconds: float = VERB_SECONDS) -> subprocess.CompletedProcess[str]:
    """Run a docker command; the caller checks its status. After `seconds` the result is a failure."""
    try:
        return subprocess.run(["docker", *words], capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(list(words), 1, "", f"docker {words[0]} took longer than {seconds:.0f} s")


def answers() -> bool:
    """Whether a Docker engine answers on this machine."""
    if shutil.which("docker") is None:
        return False
    return docker("version", "--format", "{{.Server.Version}}", seconds=ANSWER_SECONDS).returncode == 0


class Container(Engine):
    """An engine in a container. The container's name is derived from the data directory, so each stack has its own."""

    kind = "docker"

    def __init__(self, role: str, image: str, directory: Path, port: int) -> None:
        super().__init__()
        if not answers():
            raise EngineUnavailable("no Docker engine answers")
        self.image = image
        self.name = f"{image} (Docker)"
        self.container = f"retailstack-{role}-{hashlib.sha256(str(directory).encode()).hexdigest()[:10]}"
        self.directory = directory
        self._port = port

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    def install(self, say: Say) -> None:
        """Pull the image if it is missing. Raises EngineUnavailable if that fails."""
        if docker("image", "inspect", self.image).returncode == 0:
            return
        say(f"pulling {self.image} (once)")
        pulled = docker("pull", "--quiet", self.image, seconds=PULL_SECONDS)
        if pulled.returncode:
            raise EngineUnavailable(f"{self.image} could not be pulled: {last_line(pulled.stderr)}")

    def run(self, options: Sequence[str], command: Sequence[str] = ()) -> None:
        """Replace the container (its data are in the volume) and wait until its port accepts connections."""
        docker("rm", "--force", self.container)
        made = docker("run", "--detach", "--name", self.container, *options, self.image, *command)
        if made.returncode:
            raise Failed(f"{self.name} could not be started: {last_line(made.stderr)}")
        if not process.wait_until(lambda: ports.answers(self.port), START_SECONDS, every=0.2):
            logs = docker("logs", "--tail", "1", self.container)
            raise Failed(f"{self.name} did not answer on port {self.port}: {last_line(logs.stdout + logs.stderr)}")

    def running(self) -> bool:
        """Whether the container runs."""
        return docker("inspect", "--format", "{{.State.Running}}", self.container).stdout.strip() == "true"

    def stop(self) -> None:
        """Stop the container; its volume stays."""
        docker("stop", "-t", "20", self.container)
        docker("rm", "--force", self.container)

    def kill(self) -> None:
        """Kill the container; its volume stays."""
        docker("kill", self.container)
        docker("rm", "--force", self.container)

    def forget(self) -> None:
        """Remove the container and its data."""
        docker("rm", "--force", self.container)
        docker("volume", "rm", "--force", self.container)


class DockerMongo(Container):
    """MongoDB as a replica set of one. The port inside is the same, because clients use the member's own address."""

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__("mongodb", MONGO_IMAGE, directory, port)
        self.uri = f"mongodb://{ports.LOOPBACK}:{port}/?replicaSet={REPLICA_SET}"

    def start(self) -> None:
        """Start it and wait until it accepts writes."""
        self.run(
            ["--publish", f"{ports.LOOPBACK}:{self.port}:{self.port}", "--volume", f"{self.container}:/data/db"],
            ["--replSet", REPLICA_SET, "--bind_ip_all", "--port", str(self.port)],
        )
        make_replica_set(self.port)


class DockerRabbit(Container):
    """RabbitMQ."""

    def __init__(self, directory: Path, port: int) -> None:
        super().__init__("rabbitmq", RABBIT_IMAGE, directory, port)
        self.uri = f"amqp://guest:guest@{ports.LOOPBACK}:{port}/"

    def start(self) -> None:
        """Start it and wait until the broker answers AMQP; Docker's proxy accepts connections before that."""
        self.run(
            [
                *("--publish", f"{ports.LOOPBACK}:{self.port}:5672", "--volume", f"{self.container}:/var/lib/rabbitmq"),
                # RabbitMQ names its data folder after the host.
                *("--hostname", "retailstack"),
            ]
        )
        if not process.wait_until(lambda: ports.speaks_amqp(self.port), START_SECONDS, every=0.5):
            raise Failed(f"{self.name} did not boot within {START_SECONDS:.0f} s")


def last_line(text: str) -> str:
    """The last line of a program's output."""
    return (text.strip().splitlines() or ["it did not say why"])[-1]
