"""Shared reading: views that wait together run together, over what one round of finds has loaded.

Snapshot views share a transaction, so that all reads of one see the same moment; other views read what a majority has
committed, concurrently. A view is answered as soon as it is complete; a snapshot view once its transaction is.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from chassis.clock import Clock, Utc
from chassis.errors import DatabaseError, Refusal, Unavailable
from chassis.mongo.batch_queue import BatchQueue, fail_all
from chassis.mongo.client import Database
from chassis.mongo.errors import DatabaseUnreachable, Transient
from chassis.mongo.execution import Execution
from chassis.mongo.loading import load
from chassis.mongo.operation import BatchedOperation, drive
from chassis.mongo.paging import Paging
from chassis.mongo.stats import UnitStats
from chassis.mongo.table import Tables
from chassis.mongo.transaction import Transaction
from chassis.mongo.view import WorkingView
from chassis.mongo.working_set import Missing, PendingReads, WorkingSet

BATCH_VIEWS_MAX = 64
RUNS_BETWEEN_YIELDS = 16
PASSES_MAX = 200
TRIES_MAX = 5


class Reader:
    """Answers views in batches."""

    def __init__(
        self,
        database: Database,
        tables: Tables,
        clock: Clock,
        paging: Paging,
        stats: UnitStats,
        *,
        snapshot: bool,
        loops: int,
    ) -> None:
        self._database = database
        self._tables = tables
        self._clock = clock
        self._paging = paging
        self._stats = stats
        self._snapshot = snapshot
        self._queue = BatchQueue("reader", _take, self._complete, loops=loops, gather=True)

    def start(self) -> None:
        """Begin to take views."""
        self._queue.start()

    async def stop(self) -> None:
        """Answer the views that wait; refuse new ones."""
        await self._queue.stop()

    async def submit(self, operation: BatchedOperation) -> Any:
        """The view's answer. Raises its failure, or `Unavailable` while stopping."""
        return await self._queue.submit(operation)

    async def _complete(self, batch: Sequence[BatchedOperation]) -> None:
        """Answer all views. After an error that may belong to one of them, each is tried alone."""
        todo = list(batch)
        for tries in range(TRIES_MAX):
            if not todo:
                return
            try:
                await self._attempt(todo)
                return
            except DatabaseUnreachable:
                fail_all(todo, Unavailable("the database cannot be reached"))
                return
            except Transient:
                await asyncio.sleep(0.002 * 2**tries)
            except Exception as cause:  # noqa: BLE001  whatever it is, it is one view's; find out which
                if len(todo) == 1:
                    todo[0].fail(cause)
                    return
                for operation in todo:
                    if not operation.future.done():
                        await self._complete([operation])
                return
            todo = [operation for operation in todo if not operation.future.done()]
        fail_all(todo, Unavailable("the database does not answer"))

    async def _attempt(self, batch: list[BatchedOperation]) -> None:
        self._stats.view_batches += 1
        if not self._snapshot:
            await self._run_all(batch, None, lambda operation: operation.settle())
            return
        done: list[BatchedOperation] = []
        async with self._database.transaction() as transaction:
            read = await self._run_all(batch, transaction, done.append)
            if read:
                # Only a successful commit proves that the reads were of a majority.
                await _closed(transaction)
        for operation in done:
            operation.settle()

    async def _run_all(
        self,
        batch: list[BatchedOperation],
        transaction: Transaction | None,
        complete: Callable[[BatchedOperation], None],
    ) -> bool:
        """Run every view until it is complete; whether anything had to be read."""
        held = WorkingSet()
        moment = self._clock.now()
        todo, runs, passes = batch, 0, 0
        while todo:
            reads = PendingReads()
            again = []
            for operation in todo:
                runs += 1
                if not runs % RUNS_BETWEEN_YIELDS:
                    await asyncio.sleep(0)
                if operation.future.done():
                    continue
                if self._run(operation, held, moment, reads):
                    self._stats.views += 1
                    complete(operation)
                else:
                    again.append(operation)
            passes += 1
            if passes > PASSES_MAX:
                fail_all(again, RuntimeError("a view asks for something new at every run"))
                return True
            if again and reads:
                await load(self._database, held, reads, transaction)
            todo = again
        return passes > 1

    def _run(self, operation: BatchedOperation, held: WorkingSet, moment: Utc, reads: PendingReads) -> bool:
        """Run a handler once; whether it is complete."""
        run = Execution(operation.call, held, self._tables, max(moment, operation.moment), reads)
        operation.result, operation.failure = None, None
        try:
            operation.result = drive(operation, WorkingView(run, self._paging))
        except Missing:
            operation.moment = run.moment
            return False
        except Refusal as refusal:
            operation.failure = refusal
        except Exception as defect:  # noqa: BLE001  it is the caller's to hear of
            operation.failure = defect
        return True


async def _closed(transaction: Transaction) -> None:
    """End a transaction that only read. Raises `Transient` if its answer was lost: then its reads do not count."""
    try:
        await transaction.commit()
    except DatabaseError as cause:
        raise Transient(str(cause)) from cause


def _take(queue: deque[BatchedOperation]) -> list[BatchedOperation]:
    """The next batch, without the views whose callers have gone."""
    batch = [queue.popleft() for _ in range(min(len(queue), BATCH_VIEWS_MAX))]
    return [operation for operation in batch if not operation.future.done()]
