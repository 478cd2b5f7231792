"""Ends what an owner started as soon as the owner has exited, even by SIGKILL.

A guard is a shell that reads from a pipe of its owner: the pipe breaks when the owner exits, and the shell runs its
command. `python -m deploy.local.guard FILE` is such a command: it kills all processes that the journal in FILE lists,
and removes the folder of FILE.
"""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from deploy.local import journal, process

GUARD_SECONDS = 60.0


def kill_all(file: Path) -> None:
    """Kill every process and container in the journal, the latest first."""
    for line in reversed(journal.read(file)):
        if line.process is not None:
            process.kill(line.process)
        if line.container is not None:
            subprocess.run(["docker", "rm", "--force", "--volumes", line.container], capture_output=True, check=False)


class Guard:
    """Runs a command when this process exits, for whatever reason, or when `close` is called."""

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
        """Cancel: the command is not run."""
        self._shell.kill()
        self._shell.communicate()


if __name__ == "__main__":
    listed = Path(sys.argv[1]).absolute()
    kill_all(listed)
    shutil.rmtree(listed.parent, ignore_errors=True)
