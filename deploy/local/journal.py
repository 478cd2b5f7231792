"""Records every process an owner started, so that all are killed when the owner exits, even by SIGKILL.

Where RETAILSTACK_JOURNAL names a file, each process that is started is written there. `python -m deploy.local.journal
FILE` ends all of them and removes the folder the file lies in. A guard waits for its owner's end (a pipe that breaks,
even when the owner is killed) and then runs such a command.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from deploy.local.running import Running

VARIABLE = "RETAILSTACK_JOURNAL"
GUARD_SECONDS = 60.0


class JournalLine(msgspec.Struct, omit_defaults=True):
    """One entry: a process, or a container by its id."""

    process: Running | None = None
    container: str | None = None


def note(what: Running | str) -> None:
    """Write the process (or the container's id) down, where a journal is kept."""
    file = os.environ.get(VARIABLE)
    if not file:
        return
    line = JournalLine(container=what) if isinstance(what, str) else JournalLine(process=what)
    with Path(file).open("ab") as journal:
        journal.write(msgspec.json.encode(line) + b"\n")


def end_all(file: Path) -> None:
    """End all that the journal lists, the latest first."""
    from deploy.local import process  # noqa: PLC0415 - it writes to this journal

    lines = file.read_bytes().splitlines() if file.exists() else []
    for line in reversed([msgspec.json.decode(text, type=JournalLine) for text in lines]):
        if line.process is not None:
            process.kill(line.process)
        if line.container is not None:
            subprocess.run(["docker", "rm", "--force", "--volumes", line.container], capture_output=True, check=False)


class Guard:
    """Runs a command as soon as this process has ended or `close` is called, whichever comes first."""

    def __init__(self, command: Sequence[str]) -> None:
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", 'cat >/dev/null; exec "$@"', "guard", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def close(self) -> None:
        """Run the command now, and wait for it."""
        self._shell.communicate(timeout=GUARD_SECONDS)

    def dismiss(self) -> None:
        """Don't run it any more."""
        self._shell.kill()
        self._shell.communicate()


if __name__ == "__main__":
    listed = Path(sys.argv[1]).absolute()
    end_all(listed)
    shutil.rmtree(listed.parent, ignore_errors=True)
