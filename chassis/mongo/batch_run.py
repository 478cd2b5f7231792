"""Running a batch of changes over one working set, inside one transaction, until each is complete."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from chassis.clock import Utc
from chassis.errors import Refusal
from chassis.ids import IdSource
from chassis.mongo.client import Database
from chassis.mongo.event_documents import EventWriter
from chassis.mongo.execution import Execution
from chassis.mongo.loading import load
from chassis.mongo.operation import BatchedOperation, drive
from chassis.mongo.paging import Paging
from chassis.mongo.stats import UnitStats
from chassis.mongo.table import Tables
from chassis.mongo.transaction import Transaction
from chassis.mongo.view import WorkingChange
from chassis.mongo.working_set import Deferred, Heavy, Missing, PendingReads, WorkingSet
from chassis.unit import Beforehand

BATCH_DOCUMENTS_MAX = 1_000
"""Documents a transaction may write before it takes in no more operations."""

RUNS_BETWEEN_YIELDS = 16
PASSES_MAX = 8
"""Rounds of loading after which an operation that still misses something is left for the next batch."""

PASSES_ALONE_MAX = 200
"""Rounds of loading after which an operation fails: its handler asks for something new at every run."""


class Completed(NamedTuple):
    """The operations of a batch that are complete, and those left for the next batch in order of arrival."""

    done: list[BatchedOperation]
    left: list[BatchedOperation]


class BatchRunner:
    """Runs the handlers of changes. A handler that misses a record is dropped, and run again once it is loaded.

    An operation that turns out to be heavy is handed to `to_heavy` instead.
    """

    def __init__(
        self,
        database: Database,
        tables: Tables,
        event_writer: EventWriter,
        paging: Paging,
        ids: IdSource,
        stats: UnitStats,
        to_heavy: Callable[[BatchedOperation], None],
    ) -> None:
        self._database = database
        self._tables = tables
        self._event_writer = event_writer
        self._paging = paging
        self._ids = ids
        self._stats = stats
        self._to_heavy = to_heavy

    async def run(
        self, batch: list[BatchedOperation], held: WorkingSet, moment: Utc, transaction: Transaction
    ) -> Completed:
        """Run every operation until it is complete or has to be left."""
        for operation in batch:
            operation.passes = 0
            operation.minted.clear()
        await self._load(batch, held, transaction)
        done: list[BatchedOperation] = []
        left: list[BatchedOperation] = []
        todo = batch
        runs = 0
        while todo:
            again: list[BatchedOperation] = []
            for place, operation in enumerate(todo):
                if runs and not runs % RUNS_BETWEEN_YIELDS:
                    await asyncio.sleep(0)
                runs += 1
                try:
                    self._run_once(operation, held, moment)
                    done.append(operation)
                except Missing:
                    again.append(operation)
                except Deferred:
                    operation.deferrals += 1
                    self._stats.deferrals += 1
                    left.append(operation)
                except Heavy:
                    operation.heavy = True
                    self._stats.heavy += 1
                    self._to_heavy(operation)
                if held.weight >= BATCH_DOCUMENTS_MAX:
                    left += [*again, *todo[place + 1 :]]
                    return Completed(done, _in_order(batch, left))
            again = _to_run_again(again, done, left)
            await self._load(again, held, transaction)
            todo = again
        return Completed(done, _in_order(batch, left))

    async def _load(self, operations: Sequence[BatchedOperation], held: WorkingSet, transaction: Transaction) -> None:
        """Load everything these operations have asked for that is not in the working set."""
        reads = PendingReads()
        for operation in operations:
            reads.add(operation.reads)
        if reads:
            await load(self._database, held, reads, transaction)

    def _run_once(self, operation: BatchedOperation, held: WorkingSet, moment: Utc) -> None:
        """Run a handler once and merge its writes into the working set. Missing, Deferred and Heavy pass through."""
        run = Execution(
            operation.call,
            held,
            self._tables,
            max(moment, operation.moment),
            operation.reads,
            emits=operation.emits,
            careful=operation.careful,
            heavy=operation.heavy,
            minted=operation.minted,
        )
        operation.result, operation.failure, operation.told = None, None, []
        try:
            change = WorkingChange(run, self._paging, self._ids)
            operation.result = drive(operation, change)
            operation.told = self._event_writer.documents(run)
        except (Missing, Deferred, Heavy):
            operation.moment = run.moment
            raise
        except Exception as cause:  # noqa: BLE001  it is the caller's to handle
            if run.assumed:
                # The run assumed a unique key was free; if it is not, the caller must get that conflict instead.
                # Check the key and run again.
                operation.careful = True
                raise Missing from None
            self._stats.refusals += isinstance(cause, Refusal)
            self._stats.defects += not isinstance(cause, Refusal | Beforehand)
            operation.failure = cause
            return
        held.merge(run.written, run.keys)
        held.assumed |= run.assumed
        held.weight += len(operation.told)


def _to_run_again(
    again: list[BatchedOperation], done: list[BatchedOperation], left: list[BatchedOperation]
) -> list[BatchedOperation]:
    """The operations to run in the next round; those that keep missing records are moved to `left` or failed."""
    stay = []
    for operation in again:
        operation.passes += 1
        if operation.passes >= PASSES_ALONE_MAX:
            operation.failure = RuntimeError(f"{operation.call.name} asks for something new at every run")
            done.append(operation)
        elif operation.passes >= PASSES_MAX and done:
            left.append(operation)
        else:
            stay.append(operation)
    return stay


def _in_order(batch: Sequence[BatchedOperation], left: list[BatchedOperation]) -> list[BatchedOperation]:
    if len(left) < 2:
        return left
    places = {id(operation): place for place, operation in enumerate(batch)}
    return sorted(left, key=lambda operation: places[id(operation)])
