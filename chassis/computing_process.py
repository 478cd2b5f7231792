"""A child process of `CpuPool`, which runs one computation after another."""

import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from chassis.child_process import SPAWNED, be_child


class ComputingProcess:
    """A child process, started with its first computation. Its methods block, but for `kill`."""

    def __init__(self) -> None:
        self.idle_since = 0.0
        self._killed = False
        self._process: Any = None
        self._pipe: Connection | None = None

    def ask(self, work: Callable[..., Any], given: tuple[Any, ...]) -> tuple[Any, Exception | None]:
        """Result and failure of a computation. Raises EOFError or OSError if the process ends first."""
        if self._pipe is None:
            self._start()
        pipe = self._pipe
        if pipe is None or self._killed:
            raise EOFError
        pipe.send((work, given))
        answer: tuple[Any, Exception | None] = pipe.recv()
        return answer

    def kill(self) -> None:
        """End the process at once."""
        self._killed = True
        process = self._process
        if process is not None and process.pid is not None:
            process.kill()

    def end(self) -> None:
        """End the process, and wait until it has ended."""
        self.kill()
        if self._process is not None:
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()

    def _start(self) -> None:
        self._pipe, theirs = SPAWNED.Pipe()
        self._process = SPAWNED.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        if self._killed:
            self._process.kill()


def _serve(parent: Connection) -> None:
    """Compute until the parent is gone."""
    be_child()
    while True:
        answer: tuple[Any, Exception | None]
        try:
            work, given = parent.recv()
            answer = (work(*given), None)
        except EOFError:
            return
        except Exception as failure:  # noqa: BLE001  raised in the parent
            failure.add_note(traceback.format_exc())
            answer = (None, failure)
        try:
            parent.send(answer)
        except Exception as failure:  # noqa: BLE001  what cannot be pickled is the computation's failure
            parent.send((None, TypeError(f"the result of a computation cannot be sent: {failure}")))
