"""Records every process that is started, so that all of them can be killed when their owner exits, even by SIGKILL.

If RETAILSTACK_JOURNAL names a file, each started process is appended to it. `deploy.local.guard` kills what it lists.
"""

import os
from pathlib import Path

import msgspec

from deploy.local.running import Running

VARIABLE = "RETAILSTACK_JOURNAL"


class JournalLine(msgspec.Struct, omit_defaults=True):
    """One entry: a process, or a container by its id."""

    process: Running | None = None
    container: str | None = None


def record(what: Running | str) -> None:
    """Append the process (or the container's id) to the journal; without a journal, do nothing."""
    file = os.environ.get(VARIABLE)
    if not file:
        return
    line = JournalLine(container=what) if isinstance(what, str) else JournalLine(process=what)
    with Path(file).open("ab") as journal:
        journal.write(msgspec.json.encode(line) + b"\n")


def read(file: Path) -> list[JournalLine]:
    """The entries of a journal, oldest first; none if the file does not exist."""
    lines = file.read_bytes().splitlines() if file.exists() else []
    return [msgspec.json.decode(line, type=JournalLine) for line in lines]
