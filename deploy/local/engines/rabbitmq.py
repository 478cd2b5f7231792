"""The broker: the one in AMQP_URL, a rabbitmq-server on this machine, a container, or the distribution's package.

A server run by the launcher is self-contained: its own cookie, port mapper (epmd), data, logs and configuration in one
directory, all on loopback, and its one user has a password of its own. A system-wide instance is never used.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from deploy.local import ports, process
from deploy.local.engines import debian, homebrew
from deploy.local.engines.broker_user import BrokerUser
from deploy.local.engines.docker import DockerRabbit
from deploy.local.engines.engine import (
    STOP_SECONDS,
    Engine,
    EngineUnavailable,
    Given,
    Kind,
    Say,
    first_available,
    quiet,
)
from deploy.local.private_file import write_private
from deploy.local.process import Failed
from deploy.local.running import Running

VARIABLE = "AMQP_URL"
NODE = "retailstack@localhost"
START_SECONDS = 180.0
EPMD_SECONDS = 10.0
# The script in /usr/sbin changes user and folder; this one does not.
DEBIAN_SCRIPT = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")
SYSTEM_FOLDERS = (
    "/opt/homebrew/sbin",
    "/opt/homebrew/bin",
    "/usr/local/sbin",
    "/usr/sbin",
    "/sbin",
    "/usr/bin",
    "/bin",
)
# Busy-waiting schedulers would take CPU from the services on a small machine.
ERLANG_ARGS = "+sbwt none +sbwtdcpu none +sbwtdio none -kernel inet_dist_use_interface {127,0,0,1}"
CONFIG = """\
listeners.tcp.1 = {host}:{port}
load_definitions = {definitions}
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 200MB
log.file.level = warning
"""


class Rabbit(Engine):
    """A rabbitmq-server run by the launcher, on loopback, with all its files in one directory."""

    kind = "path"
    name = "RabbitMQ (this machine's)"

    def __init__(self, directory: Path, port: int, log: Path | None = None) -> None:
        super().__init__()
        self.directory = directory.absolute()
        self.log = log or self.directory / "output"
        self._port = port
        self._user = BrokerUser(self.directory)
        self.uri = self._user.uri(port)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    def install(self, say: Say) -> None:
        """Raises EngineUnavailable if this machine has no rabbitmq-server."""
        _ = say
        if script() is None:
            raise EngineUnavailable("no rabbitmq-server on this machine")

    def start(self) -> None:
        """Start the port mapper if it does not run, then the broker, and wait until it accepts connections."""
        program = script()
        if program is None:
            raise Failed("no rabbitmq-server on this machine")
        self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        mapper = self._mapper()
        self.processes = [mapper]
        self._write_config()
        environment = self._environment(mapper.ports["epmd"])
        broker = process.start(
            "rabbitmq", [program], log=self.log, env=environment, cwd=self.directory, ports={"amqp": self.port}
        )
        self.processes = [broker, mapper]
        process.wait_listening(broker, self.port, START_SECONDS, lambda: ports.speaks_amqp(self.port))

    def stop(self) -> None:
        """Stop the broker, then its port mapper."""
        for running in tuple(self.processes):
            process.stop(running, STOP_SECONDS)
            self.processes.remove(running)

    def kill(self) -> None:
        """Kill the broker; the port mapper keeps running, as it would on a real host."""
        for running in tuple(self.processes):
            if running.name == "rabbitmq":
                process.kill(running)
                self.processes.remove(running)

    def _mapper(self) -> Running:
        """The port mapper, started if it does not run. The launcher stops it; the broker would not stop its own."""
        for running in self.processes:
            if running.name == "epmd" and process.alive(running):
                return running
        binary = shutil.which("epmd", path=search_path())
        if binary is None:
            raise EngineUnavailable("no epmd beside the rabbitmq-server")
        port = ports.any_free()
        mapper = process.start(
            "epmd",
            [binary, "-port", str(port), "-address", ports.LOOPBACK],
            log=self.log,
            cwd=self.directory,
            ports={"epmd": port},
        )
        self.processes = [mapper]
        process.wait_listening(mapper, port, EPMD_SECONDS)
        return mapper

    def _write_config(self) -> None:
        files = {
            "rabbitmq.conf": CONFIG.format(
                host=ports.LOOPBACK, port=self.port, definitions=self.directory / "definitions.json"
            ),
            "definitions.json": self._user.definitions(),
            "advanced.config": "[].\n",
            "enabled_plugins": "[].\n",
            "env.conf": "",
        }
        for name, text in files.items():
            write_private(self.directory / name, text)

    def _environment(self, epmd_port: int) -> dict[str, str]:
        """The broker's whole environment; only the search path is inherited."""
        place = self.directory
        return {
            "PATH": search_path(),
            "HOME": str(place),
            "LANG": "C.UTF-8",
            # Makes the start script exec the broker, so that the pid is the broker's own.
            "RUNNING_UNDER_SYSTEMD": "true",
            "RABBITMQ_NODENAME": NODE,
            "RABBITMQ_NODE_IP_ADDRESS": ports.LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(ports.any_free()),
            "RABBITMQ_CONF_ENV_FILE": str(place / "env.conf"),
            "RABBITMQ_CONFIG_FILE": str(place / "rabbitmq.conf"),
            "RABBITMQ_ADVANCED_CONFIG_FILE": str(place / "advanced.config"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(place / "enabled_plugins"),
            "RABBITMQ_MNESIA_BASE": str(place / "data"),
            "RABBITMQ_LOG_BASE": str(place / "log"),
            "RABBITMQ_GENERATED_CONFIG_DIR": str(place / "gen"),
            "RABBITMQ_PID_FILE": str(place / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": ERLANG_ARGS,
            "ERL_CRASH_DUMP": str(place / "crash.dump"),
            "ERL_EPMD_PORT": str(epmd_port),
            "ERL_EPMD_ADDRESS": ports.LOOPBACK,
        }


class PackagedRabbit(Rabbit):
    """A rabbitmq-server from the package of Debian, Ubuntu or Homebrew, installed by the launcher."""

    def install(self, say: Say) -> None:
        """Install the package if it is missing, without starting or enabling its service."""
        if script() is not None:
            return
        if shutil.which("apt-get"):
            debian.install("rabbitmq-server", say)
        elif shutil.which("brew"):
            homebrew.install("rabbitmq", say)
        else:
            raise EngineUnavailable("no apt-get and no brew to install rabbitmq-server (or set AMQP_URL)")


def search_path() -> str:
    """The search path, extended by the folders of system programs."""
    return os.pathsep.join([os.environ.get("PATH", ""), *SYSTEM_FOLDERS])


def script() -> Path | None:
    """The start script of this machine's rabbitmq-server, or None."""
    if DEBIAN_SCRIPT.is_file():
        return DEBIAN_SCRIPT
    found = shutil.which("rabbitmq-server", path=search_path())
    return Path(found) if found else None


def makers(directory: Path, port: int, log: Path | None = None) -> dict[Kind, Callable[[], Engine]]:
    """A function per kind that makes the engine without starting it, in the order the kinds are tried."""
    return {
        "given": lambda: Given(os.environ.get(VARIABLE, ""), VARIABLE),
        "path": lambda: Rabbit(directory, port, log),
        "docker": lambda: DockerRabbit(directory, port),
        "embedded": lambda: PackagedRabbit(directory, port, log),
    }


def start(
    directory: Path,
    *,
    port: int | None = None,
    kind: Kind | None = None,
    log: Path | None = None,
    say: Say = quiet,
) -> Engine:
    """Start a broker with its data in `directory`: of `kind`, else of the first available kind."""
    found = makers(directory, ports.any_free() if port is None else port, log)
    return first_available(found, kind, VARIABLE, say, "RabbitMQ")
