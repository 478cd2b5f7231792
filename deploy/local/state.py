"""The launcher's state in `.run/`, and the files it writes there for people and scripts.

state.json       the whole state, for the launcher   stack.env      addresses
processes.json   running processes                   demo.env       credentials of the demo
secrets/         keys, generated once                logs/ data/    of services and engines
engines/         downloaded programs; kept by `make down CLEAN=1`
"""

import fcntl
import os
import secrets
import shutil
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec

from deploy.local.engines.roles import EngineState
from deploy.local.private_file import write_private
from deploy.local.process import Failed
from deploy.local.running import Running

ROOT = Path(__file__).resolve().parents[2]
LOCK_SECONDS = 180.0
SECRET_BYTES = 32


class Member(msgspec.Struct, kw_only=True):
    """A process of the stack: a service or a replica. `recipe` is a hash of the settings it was started with."""

    service: str
    recipe: str
    running: Running
    wanted: Literal["running", "stopped"] = "running"


class State(msgspec.Struct, kw_only=True):
    """What is stored about a stack."""

    engines: dict[str, EngineState] = {}
    members: dict[str, Member] = {}
    ports: dict[str, int] = {}
    replicas: dict[str, int] = {}
    shop: bool = False

    def pids(self) -> list[int]:
        """The pids of all processes that were started and not stopped."""
        engines = [running.pid for engine in self.engines.values() for running in engine.processes]
        return [*engines, *(member.running.pid for member in self.members.values())]


class Home:
    """The `.run` folder of one stack."""

    def __init__(self, directory: Path | None = None) -> None:
        self.directory = (directory or Path(os.environ.get("RETAILSTACK_RUN") or ROOT / ".run")).absolute()

    @property
    def demo_env(self) -> Path:
        """The file with the demo's credentials."""
        return self.directory / "demo.env"

    @property
    def stack_env(self) -> Path:
        """The file with the stack's addresses."""
        return self.directory / "stack.env"

    @property
    def operator_code(self) -> Path:
        """The file that holds the operator's secret code."""
        return self.secret("operator.code")

    def log(self, name: str) -> Path:
        """The log file of a process."""
        return self.directory / "logs" / f"{name}.log"

    def data(self, name: str) -> Path:
        """The data folder of an engine."""
        return self.directory / "data" / name

    def secret_file(self, name: str) -> Path:
        """Where a secret is; its folder exists afterwards, and only its owner can read it."""
        file = self.directory / "secrets" / name
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        return file

    def secret(self, name: str) -> Path:
        """The file of a secret, generated on first use; only its owner can read it."""
        file = self.secret_file(name)
        if not file.exists():
            write_private(file, secrets.token_urlsafe(SECRET_BYTES))
        return file

    def sealing_key(self, name: str) -> Path:
        """The file of a key that secrets are sealed under, `<id>:<32 bytes in base64>`, generated as `secret` is."""
        file = self.secret_file(name)
        if not file.exists():
            write_private(file, f"local:{urlsafe_b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}")
        return file

    def load(self) -> State:
        """The stored state; an empty one if there is none. Raises Failed if the file cannot be read."""
        file = self.directory / "state.json"
        try:
            return msgspec.json.decode(file.read_bytes(), type=State)
        except FileNotFoundError:
            return State()
        except msgspec.MsgspecError as cause:
            raise Failed(f"{file} cannot be read ({cause}); `make down CLEAN=1` starts over") from cause

    def save(self, state: State) -> None:
        """Store the state, and list running processes in processes.json; without any, that file is removed."""
        self.directory.mkdir(parents=True, exist_ok=True)
        write_private(self.directory / "state.json", msgspec.json.encode(state).decode())
        listed = [engine.processes[0] for engine in state.engines.values() if engine.processes]
        listed += [member.running for member in state.members.values() if member.wanted == "running"]
        file = self.directory / "processes.json"
        if listed:
            rows = [{"name": run.name, "pid": run.pid, "log": run.log, "ports": run.ports} for run in listed]
            write_private(file, msgspec.json.format(msgspec.json.encode(rows)).decode())
        else:
            file.unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove everything but the downloaded engine programs."""
        if not self.directory.exists():
            return
        for entry in self.directory.iterdir():
            if entry.name in {"engines", "lock"}:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the stack's lock, so that two launchers never change it at once. Raises Failed after LOCK_SECONDS."""
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        deadline = time.monotonic() + LOCK_SECONDS
        with (self.directory / "lock").open("a") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise Failed("another launcher is still working on this stack") from None
                    time.sleep(0.1)
            yield


def write_env(file: Path, values: Mapping[str, str]) -> None:
    """Write KEY=value lines that a shell can source."""
    write_private(file, "".join(f"{key}={_quoted(value)}\n" for key, value in values.items()))


def read_env(file: Path) -> dict[str, str]:
    """The KEY=value lines of a file; empty if there is no file."""
    if not file.exists():
        return {}
    pairs = (line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)
    return {key: value.strip("'") for key, value in pairs}


def _quoted(value: str) -> str:
    return value if all(mark not in value for mark in " &;$'\"\\`") else f"'{value}'"
