"""Locks on ports: between finding a port free and listening on it, another process could find it free too.

Launchers and test runs of one user record the ports they have chosen in one file of the temporary folder. A lock holds
while the process that took it lives; the lock of a stack holds while any of its processes lives, so a process that is
stopped and started again gets its ports back.
"""

import fcntl
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil


class PortLock(msgspec.Struct, frozen=True):
    """A lock on one port. The owner is a stack or a single process; the lock holds while one of `pids` lives."""

    owner: str
    pids: list[int]

    def holds(self) -> bool:
        """Whether one of the processes lives."""
        return any(map(psutil.pid_exists, self.pids))


def lock_port(port: int, owner: str) -> bool:
    """Lock the port for the owner. Returns False if another owner's lock holds."""
    with _locks() as locks:
        held = locks.get(port)
        if held is not None and held.owner != owner and held.holds():
            return False
        locks[port] = PortLock(owner, [os.getpid()])
        return True


def extend(owner: str, pids: Iterable[int]) -> None:
    """Extend all locks of the owner: they hold while any of these processes lives."""
    with _locks() as locks:
        for port, held in locks.items():
            if held.owner == owner:
                locks[port] = PortLock(owner, [os.getpid(), *pids])


def own() -> str:
    """The owner name for a process that locks ports for itself; `any_free` never gives it the same port twice."""
    return f"process {os.getpid()}"


def is_locked(port: int) -> bool:
    """Whether any owner holds a lock on the port, this process included."""
    with _locks() as locks:
        held = locks.get(port)
        return held is not None and held.holds()


@contextmanager
def _locks() -> Iterator[dict[int, PortLock]]:
    """All locks, with the file locked; changes are written back at the end."""
    file = Path(tempfile.gettempdir()) / f"retailstack-ports-{os.getuid()}"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "r+b") as text:
        fcntl.flock(text, fcntl.LOCK_EX)
        try:
            locks = msgspec.json.decode(text.read() or b"{}", type=dict[int, PortLock])
        except msgspec.MsgspecError:
            locks = {}
        before = dict(locks)
        yield locks
        if locks != before:
            living = {port: held for port, held in locks.items() if held.holds()}
            text.seek(0)
            text.truncate()
            text.write(msgspec.json.encode(living))
