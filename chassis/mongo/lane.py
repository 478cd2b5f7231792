"""Lanes: queues of operations, each of which is served by batches of its own."""

import asyncio
from collections import deque
from collections.abc import Sequence

from chassis.mongo.operation import BatchedOperation


class Lane:
    """A queue of operations that share batches."""

    __slots__ = ("arrived", "queue")

    def __init__(self) -> None:
        self.queue: deque[BatchedOperation] = deque()
        self.arrived = asyncio.Event()

    def put(self, operation: BatchedOperation) -> None:
        """Add an operation at the end."""
        operation.lane = self
        self.queue.append(operation)
        self.arrived.set()


def still_in(operations: Sequence[BatchedOperation], lane: Lane) -> list[BatchedOperation]:
    """Those of them that are in this lane still."""
    return [operation for operation in operations if operation.lane is lane]
