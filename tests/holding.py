"""Measures how long the event loop is held up within a block.

What is measured is CPU time: by the clock, a callback takes longer whenever other programs have the processor.
"""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from time import thread_time
from typing import Any
from unittest.mock import patch

from chassis.app import COLLECT_AFTER
from chassis.telemetry.loop_watch import LoopWatch
from tests.waiting import cpu_stretched

STRANGER_SECONDS = 0.005
"""The most that one request of a caller who is not signed in may hold the event loop."""

CALLER_SECONDS = 0.025
"""The same for a signed-in caller, however large the request within the contract's limits."""


HELD_LINE = "retailstack_loop_held_seconds_bucket{"


class Callbacks:
    """The callbacks that one event loop has run.

    count      how many
    longest    the most CPU time of one, in seconds
    held_by    what that one belongs to: a task or a function
    """

    def __init__(self) -> None:
        self.count = 0
        self.longest = 0.0
        self.held_by = ""

    def add(self, seconds: float, handle: Any) -> None:
        """One more callback."""
        self.count += 1
        if seconds > self.longest:
            self.longest, self.held_by = seconds, _name_of(handle._callback)

    def check(self, seconds: float) -> None:
        """Fail if one took more CPU time than `seconds` on the reference machine."""
        assert self.count, "no callback was measured"
        assert self.longest < cpu_stretched(seconds), f"{1000 * self.longest:.1f} ms of CPU: {self.held_by}"


def _name_of(callback: Any) -> str:
    """What a callback belongs to.

    Nothing is asked for its representation: a client's response without a head would remember that it has none.
    """
    owner = getattr(callback, "__self__", None)
    if isinstance(owner, asyncio.Task):
        return f"task {owner.get_name()}: {getattr(owner.get_coro(), '__qualname__', '')}"
    return str(getattr(callback, "__qualname__", type(callback).__qualname__))


@contextmanager
def callbacks_of(loop: asyncio.AbstractEventLoop) -> Iterator[Callbacks]:
    """Measure every callback of a loop, whichever thread runs it.

    Garbage is not collected meanwhile, because the tests' own objects would be scanned too.
    """
    found = Callbacks()
    run = asyncio.Handle._run

    def run_measured(handle: Any) -> None:
        begun = thread_time()
        run(handle)
        if handle._loop is loop:
            found.add(thread_time() - begun, handle)

    was_enabled = gc.isenabled()
    gc.disable()
    try:
        with patch.object(asyncio.Handle, "_run", run_measured):
            yield found
    finally:
        if was_enabled:
            gc.enable()


@asynccontextmanager
async def held_at_most(seconds: float) -> AsyncIterator[LoopWatch]:
    """Fails if a callback within the block takes more CPU time than `seconds` on the reference machine, or if threads
    that do not let go of the interpreter keep the loop waiting so long.

    The garbage collector is set as in a service: the tests' own objects are not scanned.
    """
    watch = LoopWatch(idle_seconds=0.002)
    with collecting_as_in_a_service(), callbacks_of(asyncio.get_running_loop()) as callbacks:
        watch.start()
        try:
            yield watch
        finally:
            await watch.stop()
    callbacks.check(seconds)
    assert watch.largest_cpu < cpu_stretched(seconds), watch.recent


@contextmanager
def collecting_as_in_a_service() -> Iterator[None]:
    """Have the garbage collector set as in a service within the block."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


def held_buckets(metrics: str) -> dict[float, float]:
    """Upper bound in seconds -> how many looks of a process at its loop found no longer hold, from its metrics."""
    lines = [line for line in metrics.splitlines() if line.startswith(HELD_LINE)]
    assert lines
    return {float(line.split('le="')[1].split('"')[0]): float(line.split()[-1]) for line in lines}


def longer(before: Mapping[float, float], after: Mapping[float, float], seconds: float) -> int:
    """How many holds between two readings were longer than the first bound at or above `seconds`."""
    bound = min(each for each in after if each >= seconds)
    grown = {each: after[each] - before[each] for each in after}
    return int(max(grown.values()) - grown[bound])
