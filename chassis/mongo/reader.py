"""Shared reading: views that wait together run together, over what one round of finds has loaded.

Snapshot views share a transaction, so that all reads of one see the same moment; other views read what a majority has
committed, concurrently. A view is answered as soon as it is complete; a snapshot view once its transaction is. A view
that turns out to be large is answered beside the others, its handler run in a thread.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from time import thread_time
from typing import Any

from chassis.clock import Clock, Utc
from chassis.errors import DatabaseError, Refusal, Unavailable
from chassis.mongo.batch_queue import BatchQueue, fail_all
from chassis.mongo.client import Database
from chassis.mongo.errors import DatabaseUnreachable, Transient
from chassis.mongo.execution import Execution
from chassis.mongo.large_runs import LargeRuns
from chassis.mongo.limits import LARGE_READS, LARGE_SECONDS
from chassis.mongo.loading import load
from chassis.mongo.operation import BatchedOperation, drive
from chassis.mongo.paging import Paging
from chassis.mongo.stats import UnitStats
from chassis.mongo.table import Tables
from chassis.mongo.transaction import Transaction
from chassis.mongo.view import WorkingView
from chassis.mongo.working_set import Heavy, Missing, PendingReads, WorkingSet

BATCH_VIEWS_MAX = 64
LARGE_AT_ONCE = 2
"""Large views in progress at a time."""

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
        self._loops = loops
        self._large_in_place = 0
        self._queue = BatchQueue(
            "reader", lambda queue: _take(queue, BATCH_VIEWS_MAX), self._complete, loops=loops, gather=True
        )
        self._large = BatchQueue("large reader", lambda queue: _take(queue, 1), self._complete, loops=LARGE_AT_ONCE)
        self._large_runs = LargeRuns()

    def start(self) -> None:
        """Begin to take views."""
        self._queue.start()
        self._large.start()

    async def stop(self) -> None:
        """Answer the views that wait; refuse new ones."""
        # The large queue is served until the shared one is empty, which may find large views.
        await self._queue.stop()
        await self._large.stop()
        self._large_runs.stop()

    async def submit(self, operation: BatchedOperation) -> Any:
        """The view's answer. Raises its failure, or `Unavailable` while stopping."""
        return await self._queue.submit(operation)

    async def _complete(self, batch: Sequence[BatchedOperation]) -> None:
        """Answer all views. After an error that may belong to one of them, each is tried alone."""
        todo = list(batch)
        queue = todo[0].queue if todo else None
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
                    if not operation.future.done() and operation.queue is queue:
                        await self._complete([operation])
                return
            todo = [each for each in todo if not each.future.done() and each.queue is queue]
        fail_all(todo, Unavailable("the database does not answer"))

    async def _attempt(self, batch: list[BatchedOperation]) -> None:
        self._stats.view_batches += 1
        if not self._snapshot:
            await self._run_all(batch, None, lambda operation: operation.settle())
            return
        done: list[BatchedOperation] = []
        try:
            async with self._database.transaction() as transaction:
                read = await self._run_all(batch, transaction, done.append)
                if read:
                    # Only a successful commit proves that the reads were of a majority.
                    await _closed(transaction)
        finally:
            self._large_in_place -= batch[0].in_place
            batch[0].in_place = False
        for operation in done:
            operation.settle()

    async def _run_all(
        self,
        batch: list[BatchedOperation],
        transaction: Transaction | None,
        complete: Callable[[BatchedOperation], None],
    ) -> bool:
        """Run every view until it is complete, or turns out to be large; whether anything had to be read."""
        held = _held_by(batch) or WorkingSet(self._tables.remembered)
        moment = self._clock.now()
        todo, runs, passes = batch, 0, 0
        large: list[BatchedOperation] = []
        while todo:
            again = []
            for operation in todo:
                runs += 1
                if not runs % RUNS_BETWEEN_YIELDS:
                    await asyncio.sleep(0)
                if operation.future.done():
                    continue
                try:
                    if operation.heavy:
                        done = await self._large_runs.run(self._run, operation, held, moment)
                    else:
                        done = self._run(operation, held, moment)
                except Heavy:
                    if transaction is None or not self._stays(batch):
                        large.append(operation)
                        continue
                    operation.heavy, done = True, False
                if done:
                    self._stats.views += 1
                    complete(operation)
                else:
                    again.append(operation)
            passes += 1
            if passes > PASSES_MAX:
                fail_all(again, RuntimeError("a view asks for something new at every run"))
                return True
            if again:
                await load(self._database, held, _reads_of(again), transaction)
            todo = again
        self._set_apart(large, held if transaction is None else None)
        return passes > 1

    def _stays(self, batch: Sequence[BatchedOperation]) -> bool:
        """Whether a large snapshot view keeps its transaction, instead of reading everything again in one of its own.

        It does if it is alone in its batch and another loop is free for the views of others.
        """
        if len(batch) > 1 or self._large_in_place >= self._loops - 1:
            return False
        self._large_in_place += 1
        self._stats.large_views += 1
        batch[0].in_place = True
        return True

    def _set_apart(self, large: Sequence[BatchedOperation], held: WorkingSet | None) -> None:
        """Move large views to a queue of their own. One of them keeps what the batch has loaded."""
        for operation in large:
            operation.heavy = True
            operation.held, held = held, None
            self._stats.large_views += 1
            self._large.put(operation)

    def _run(self, operation: BatchedOperation, held: WorkingSet, moment: Utc) -> bool:
        """Run a handler once; whether it is complete. Raises `Heavy` if it turns out to be large."""
        reads = operation.reads
        run = Execution(operation.call, held, self._tables, max(moment, operation.moment), reads, heavy=operation.heavy)
        operation.result, operation.failure = None, None
        asked, began = reads.count, thread_time()
        try:
            operation.result = drive(operation, WorkingView(run, self._paging))
        except Missing:
            operation.moment = run.moment
            large = reads.count - asked > LARGE_READS or thread_time() - began > LARGE_SECONDS
            if large and not operation.heavy:
                raise Heavy from None
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


def _reads_of(operations: Sequence[BatchedOperation]) -> PendingReads:
    """What these views have asked for."""
    if len(operations) == 1:
        return operations[0].reads
    reads = PendingReads()
    for operation in operations:
        reads.add(operation.reads)
    return reads


def _held_by(batch: Sequence[BatchedOperation]) -> WorkingSet | None:
    """What a view that was set apart brings along, once."""
    held = batch[0].held if batch else None
    if held is not None:
        batch[0].held = None
    return held


def _take(queue: deque[BatchedOperation], at_most: int) -> list[BatchedOperation]:
    """The next batch, without the views whose callers have gone."""
    batch = [queue.popleft() for _ in range(min(len(queue), at_most))]
    return [operation for operation in batch if not operation.future.done()]
