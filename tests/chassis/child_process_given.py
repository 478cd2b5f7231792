"""Work for the process beside, which imports it from here."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from chassis import child_process
from chassis.caller import Call
from chassis.errors import Invalid, NotFound, Unavailable
from chassis.mongo.errors import DatabaseUnreachable
from chassis.unit import SnapshotReaders
from tests.chassis.data_given import THINGS

FAILURES: list[Exception] = [
    Invalid("code is too long", field="code"),
    NotFound("there is no such thing"),
    Unavailable("the store is down", 7, part="store"),
    DatabaseUnreachable("no MongoDB answers"),
]


def place_of_work(*given: Any) -> tuple[int, int, int, tuple[Any, ...]]:
    """Which process it is, whose child, how nice; and what it was given."""
    return os.getpid(), os.getppid(), os.nice(0), given


def fail(number: int) -> None:
    """Raise one of the failures."""
    raise FAILURES[number]


def be_killed() -> None:
    """End as the kernel ends a process that takes too much memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def give_what_cannot_be_sent() -> Any:
    """Answer with something that stays in its process."""
    return lambda: None


def sleep(noted: Path, seconds: float = 60.0) -> None:
    """Note which process it is, and go on for a while."""
    noted.with_suffix(".part").write_text(str(os.getpid()))
    noted.with_suffix(".part").rename(noted)
    time.sleep(seconds)


async def codes(readers: SnapshotReaders, call: Call, place: str) -> list[tuple[str, str]]:
    """The codes of the things in a place, and when it was."""
    async with readers.snapshot_reader(call) as reader:
        found = await reader.find(THINGS, {"place": place})
        return sorted((thing.code, reader.now) for thing in found)


if __name__ == "__main__":
    asyncio.run(child_process.run(sleep, Path(sys.argv[1])))
