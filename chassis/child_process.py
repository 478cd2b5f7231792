"""Work done in a process beside this one, so that what keeps a processor busy for long leaves the event loop its turn.

The process is begun for one piece of work. It comes after this one where both want the same processor, and does not
outlive it, however this one ends.
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

# Begun anew rather than forked: threads and sockets of this process would not survive a fork.
_PROCESSES = multiprocessing.get_context("spawn")


async def run(work: Callable[..., T], *given: Any) -> T:
    """What `work`, a function that a module has by name, makes of what it is given; all of it must be picklable.

    What the work raises is raised here; Unavailable where its process is killed.
    """
    ours, theirs = _PROCESSES.Pipe()
    process = _PROCESSES.Process(target=_answer, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        answer, failure = await asyncio.to_thread(_asked, ours, work, given)
    except (EOFError, OSError) as cause:  # It ended before its answer, or amid it.
        raise Unavailable("a process of this service ended before its work was done; try again") from cause
    finally:
        # By then it has ended by itself, unless nobody waits for it any more.
        process.kill()
        process.join()
        process.close()
    if failure is not None:
        raise failure
    made: T = answer
    return made


def _asked(process: Connection, work: Callable[..., Any], given: tuple[Any, ...]) -> Any:
    # Not with the process's own arguments: whoever begins it waits until it has read those.
    with process:
        process.send((work, given))
        return process.recv()


def _answer(parent: Connection) -> None:
    os.nice(NICENESS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Meant for the process that this one works for.
    threading.Thread(target=_end_with_parent, daemon=True).start()
    gc.disable()  # The process ends before what only the collector could free would matter.
    try:
        work, given = parent.recv()
        parent.send((work(*given), None))
    except Exception as failure:  # noqa: BLE001  raised where the work is waited for
        failure.add_note(traceback.format_exc())
        parent.send((None, failure))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None, "this is the process beside"
    parent.join()
    os._exit(1)
