"""A `mongod` found on this machine, run as a replica set of one, because transactions need one."""

import re
import shutil
import subprocess
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from deploy.local import ports, process
from deploy.local.engines.engine import Engine, EngineUnavailable
from deploy.local.process import Failed

REPLICA_SET = "retailstack"
VERSION_MIN = (7, 0)
START_SECONDS = 180.0
ELECTION_SECONDS = 30.0
PING_MILLISECONDS = 1000
NOT_YET_INITIALIZED = 94


class Mongod(Engine):
    """A mongod run by the launcher, on loopback, with its data in one directory."""

    kind = "path"

    def __init__(self, directory: Path, port: int, log: Path | None = None) -> None:
        super().__init__()
        binary = shutil.which("mongod")
        if binary is None:
            raise EngineUnavailable("no mongod on PATH")
        version = version_of(binary)
        if version < VERSION_MIN:
            raise EngineUnavailable(f"{binary} is older than {'.'.join(map(str, VERSION_MIN))}")
        self.binary = binary
        self.name = f"mongod {'.'.join(map(str, version))} (on PATH)"
        self.directory = directory
        self.log = log or directory / "log"
        self._port = port
        self.uri = f"mongodb://{ports.LOOPBACK}:{port}/?replicaSet={REPLICA_SET}"

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    def start(self) -> None:
        """Start it, initiate the replica set if needed, and wait until it accepts writes."""
        data = self.directory / "mongod"
        data.mkdir(parents=True, exist_ok=True)
        command = [
            *(self.binary, "--replSet", REPLICA_SET, "--bind_ip", ports.LOOPBACK, "--port", str(self.port)),
            *("--dbpath", data, "--wiredTigerCacheSizeGB", "0.5", "--quiet"),
        ]
        running = process.start("mongodb", command, log=self.log, ports={"mongodb": self.port})
        self.processes = [running]
        process.wait_listening(running, self.port, START_SECONDS)
        make_replica_set(self.port)


def make_replica_set(port: int) -> None:
    """Initiate a replica set of one on this port and wait until it is primary. Raises Failed after a while."""
    with MongoClient[dict[str, object]](
        ports.LOOPBACK, port, directConnection=True, serverSelectionTimeoutMS=PING_MILLISECONDS
    ) as client:

        def primary() -> bool:
            try:
                hello = client.admin.command("hello")
                if hello.get("setName") is None:
                    member = {"_id": 0, "host": f"{ports.LOOPBACK}:{port}"}
                    client.admin.command("replSetInitiate", {"_id": REPLICA_SET, "members": [member]})
            except OperationFailure as refusal:
                if refusal.code != NOT_YET_INITIALIZED:
                    raise Failed(f"the replica set could not be made: {refusal.details}") from refusal
                return False
            except PyMongoError:
                return False
            return bool(hello.get("isWritablePrimary"))

        if not process.wait_until(primary, ELECTION_SECONDS, every=0.1):
            raise Failed(f"the mongod on port {port} did not become primary within {ELECTION_SECONDS:.0f} s")


def version_of(binary: str) -> tuple[int, int]:
    """Major and minor version of a mongod; (0, 0) if unknown."""
    try:
        output = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    found = re.search(r"db version v(\d+)\.(\d+)", output)
    return (int(found[1]), int(found[2])) if found else (0, 0)
