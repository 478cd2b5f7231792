"""The queue in front of group commit and shared reading, and the tasks that process it in batches."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import structlog

from chassis.errors import Unavailable
from chassis.mongo.operation import BatchedOperation

Take = Callable[[deque[BatchedOperation]], list[BatchedOperation]]
"""Removes the next batch from the front of the queue."""

Complete = Callable[[list[BatchedOperation]], Awaitable[None]]
"""Settles every operation of a batch, or puts it back into the queue."""

log = structlog.get_logger("chassis.mongo")


class BatchQueue:
    """Operations that wait, processed in batches by `loops` tasks.

    `gather` lets a batch that finds the queue empty wait until the event loop has run everything that is ready, so
    that operations submitted in the same turn share it. Without it, a lone operation starts at once.
    """

    def __init__(self, name: str, take: Take, complete: Complete, *, loops: int, gather: bool = False) -> None:
        self._name = name
        self._take = take
        self._complete = complete
        self._loops = loops
        self._gather = gather
        self._queue: deque[BatchedOperation] = deque()
        self._arrived = asyncio.Event()
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    def __len__(self) -> int:
        return len(self._queue)

    def start(self) -> None:
        """Begin to take operations."""
        self._stopping = False
        self._tasks = [asyncio.create_task(self._serve(), name=f"{self._name} {n}") for n in range(self._loops)]

    async def stop(self) -> None:
        """Complete what waits; refuse anything new."""
        self._stopping = True
        self._arrived.set()
        await asyncio.gather(*self._tasks)
        self._tasks = []

    async def submit(self, operation: BatchedOperation) -> Any:
        """The operation's result. Raises its failure, or `Unavailable` once the queue is stopping."""
        if self._stopping or not self._tasks:
            raise Unavailable("shutting down")
        self.put(operation)
        return await operation.future

    def put(self, operation: BatchedOperation) -> None:
        """Add an operation at the end, also while stopping."""
        operation.queue = self
        self._queue.append(operation)
        self._arrived.set()

    def owned(self, operations: Sequence[BatchedOperation]) -> list[BatchedOperation]:
        """Those that have not been put into another queue since."""
        return [operation for operation in operations if operation.queue is self]

    def put_back(self, operations: Sequence[BatchedOperation]) -> None:
        """Return operations to the front of the queue, in this order."""
        self._queue.extendleft(reversed(operations))

    def drain(self) -> list[BatchedOperation]:
        """Everything that waits, removed from the queue."""
        waiting = list(self._queue)
        self._queue.clear()
        return waiting

    async def _serve(self) -> None:
        while True:
            if not self._queue:
                if self._stopping:
                    return
                self._arrived.clear()
                await self._arrived.wait()
                if self._gather:
                    await asyncio.sleep(0)
                continue
            await self._work()
            # Callers just answered may submit their next operation before the next batch is closed.
            await asyncio.sleep(0)

    async def work_off(self) -> None:
        """Complete what was put here after the queue has stopped."""
        while self._queue:
            await self._work()

    async def _work(self) -> None:
        """Complete the next batch."""
        batch = self._take(self._queue)
        try:
            await self._complete(batch)
        except BaseException as cause:
            # The callers get the error, and the loop goes on with the next batch unless it was cancelled.
            fail_all(self.owned(batch), cause if isinstance(cause, Exception) else Unavailable("shutting down"))
            if not isinstance(cause, Exception):
                raise
            log.exception("batch_failed", queue=self._name)


def fail_all(operations: Sequence[BatchedOperation], cause: Exception) -> None:
    """Fail every operation that is not settled yet."""
    for operation in operations:
        operation.fail(cause)
