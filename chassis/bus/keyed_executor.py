"""Runs work concurrently, but items with the same key one after another."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class KeyedExecutor(Generic[T]):
    """Runs `work` for the items of each key in order. `work` must not raise."""

    def __init__(self, work: Callable[[T], Awaitable[None]]) -> None:
        self._work = work
        self._waiting: dict[int, deque[T]] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def busy(self) -> int:
        """Keys whose items are being worked on."""
        return len(self._running)

    def put(self, lane: int, item: T) -> None:
        """Queue an item behind those with the same key."""
        line = self._waiting.get(lane)
        if line is not None:
            line.append(item)
            return
        self._waiting[lane] = deque([item])
        task = asyncio.create_task(self._work_off(lane))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def finish(self, seconds: float) -> None:
        """Start no further item; wait up to `seconds` for the running ones, then cancel them."""
        self._closed = True
        if not self._running:
            return
        _, late = await asyncio.wait(set(self._running), timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _work_off(self, lane: int) -> None:
        line = self._waiting[lane]
        try:
            while line and not self._closed:
                await self._work(line.popleft())
        finally:
            del self._waiting[lane]
