"""Runs the handlers of large operations in threads, so that they do not block the event loop.

A handler never waits, so one that works on thousands of records would hold the loop for as long as it takes. In a
thread it shares the interpreter with the loop, which gets it back after `SWITCH_SECONDS`.
"""

import asyncio
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

SWITCH_SECONDS = 0.001
"""How long a thread may keep the interpreter from the event loop while large operations run; usually 5 ms."""

THREADS = 4


class LargeRuns:
    """Threads for large operations, begun when they are first needed."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None
        self._running = 0
        self._usual_seconds = 0.0

    async def run(self, function: Callable[..., T], *given: Any) -> T:
        """The result of the function, called in a thread. Raises what it raises."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="large run")
        with self._switching_sooner():
            return await asyncio.get_running_loop().run_in_executor(self._threads, function, *given)

    def stop(self) -> None:
        """End the threads. Nothing runs in them any more."""
        if self._threads is not None:
            self._threads.shutdown()
            self._threads = None

    @contextmanager
    def _switching_sooner(self) -> Iterator[None]:
        if not self._running:
            self._usual_seconds = sys.getswitchinterval()
            sys.setswitchinterval(SWITCH_SECONDS)
        self._running += 1
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                sys.setswitchinterval(self._usual_seconds)
