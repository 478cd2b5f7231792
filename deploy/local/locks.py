"""Who is about to listen where: between finding a port free and listening on it, another could find it free too.

Launchers and test runs of one user write down the ports they have chosen, in one locked file of the temporary folder. A
claim holds as long as the process that made it lives; a stack's also while any of its processes does, so that one that
is stopped and started again finds its ports as it left them.
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
    """A port chosen for an owner: a stack, or a process itself. It holds while one of these processes lives."""

    owner: str
    pids: list[int]

    def holds(self) -> bool:
        """Whether it is still in force."""
        return any(map(psutil.pid_exists, self.pids))


def lock_port(port: int, owner: str) -> bool:
    """Whether the port is the owner's from now on. It is not while another's claim holds."""
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
    """The owner's name of a process that chooses ports for itself alone; it never gets a port twice."""
    return f"process {os.getpid()}"


def is_locked(port: int) -> bool:
    """Whether anybody holds a claim, we ourselves included."""
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
