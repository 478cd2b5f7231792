"""Measures how long the event loop is held up within a block."""

import gc
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from chassis.app import COLLECT_AFTER
from chassis.telemetry.loop_watch import LoopWatch
from tests.waiting import cpu_stretched

STRANGER_SECONDS = 0.005
"""The most that one request of a caller who is not signed in may hold the event loop."""

CALLER_SECONDS = 0.025
"""The same for a signed-in caller, however large the request within the contract's limits."""


@asynccontextmanager
async def held_at_most(seconds: float) -> AsyncIterator[LoopWatch]:
    """Fails if a callback within the block takes more CPU time than `seconds` on the reference machine.

    The garbage collector is set as in a service: the tests' own objects are not scanned.
    """
    watch = LoopWatch(idle_seconds=0.002)
    with _collecting_as_in_a_service():
        watch.start()
        try:
            yield watch
        finally:
            await watch.stop()
    assert watch.largest_cpu < cpu_stretched(seconds), watch.recent


@contextmanager
def _collecting_as_in_a_service() -> Iterator[None]:
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
