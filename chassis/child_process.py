"""Runs a long computation in a child process, so that it does not block the event loop.

`run` starts a process for one computation; `CpuPool` keeps a few processes for many. A child has a lower priority than
its parent, and ends with it, even if the parent is killed.
"""

import asyncio
import gc
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from chassis.errors import Unavailable

T = TypeVar("T")

NICENESS = 5

# Spawned rather than forked: threads and sockets of this process would not survive a fork.
SPAWNED = multiprocessing.get_context("spawn")


async def run(work: Callable[..., T], *given: Any) -> T:
    """The result of `work(*given)`, computed in a process of its own.

    `work` is a function at the top level of a module; arguments and result must be picklable. Raises what `work`
    raises, and Unavailable if the process is killed.
    """
    ours, theirs = SPAWNED.Pipe()
    process = SPAWNED.Process(target=_answer, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        answer, failure = await asyncio.to_thread(_asked, ours, work, given)
    except (EOFError, OSError) as cause:  # It ended before its answer, or in the middle of it.
        raise Unavailable("a process of this service ended before its work was done; try again") from cause
    finally:
        # It has ended by itself unless its caller was cancelled.
        process.kill()
        process.join()
        process.close()
    if failure is not None:
        raise failure
    made: T = answer
    return made


def _asked(process: Connection, work: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    # Not as arguments of the process: its start would wait until the child has read them.
    with process:
        process.send((work, given))
        return process.recv()


def be_child() -> None:
    """Make this new process a child: lower its priority, and let it end with its parent."""
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # A Ctrl-C is meant for the parent, which then ends this process.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _answer(parent: Connection) -> None:
    be_child()
    gc.disable()  # The process ends before what only the collector could free would matter.
    try:
        work, given = parent.recv()
        parent.send((work(*given), None))
    except Exception as failure:  # noqa: BLE001  raised in the parent
        failure.add_note(traceback.format_exc())
        parent.send((None, failure))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is not a child process"
    parent.join()
    os._exit(1)
