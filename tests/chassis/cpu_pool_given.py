"""Computations for the CPU pool, which imports them from here."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from tests.waiting import stretched


def place() -> tuple[int, int]:
    """Which process computes, and how nice it is."""
    return os.getpid(), os.nice(0)


def double(number: int) -> int:
    """Twice the number."""
    return 2 * number


def refuse(why: str) -> None:
    """Fail."""
    raise ValueError(why)


def give_what_cannot_be_sent() -> Any:
    """Answer with something that stays in its process."""
    return lambda: None


def be_killed(noted: Path, times: int) -> int:
    """End as the kernel ends a process that takes too much memory, this many times; then say how often it was tried."""
    tried = len(noted.read_text()) if noted.exists() else 0
    noted.write_text("x" * (tried + 1))
    if tried < times:
        os.kill(os.getpid(), signal.SIGKILL)
    return tried + 1


def spin(noted: Path) -> None:
    """Note which process it is, and compute on for a while."""
    noted.with_suffix(".part").write_text(str(os.getpid()))
    noted.with_suffix(".part").rename(noted)
    until = time.monotonic() + stretched(60)
    while time.monotonic() < until:
        pass


def wait_for(gate: Path, mark: Path) -> None:
    """Note that it has begun, and end once the gate is there."""
    mark.touch()
    while not gate.exists():
        time.sleep(0.005)
