"""Running a batch of changes over one working set, inside one transaction, until each is complete."""

import asyncio
from collections.abc import Callable, Sequence
from time import thread_time
from typing import Any, NamedTuple

from chassis.clock import Utc
from chassis.errors import Refusal
from chassis.ids import IdSource
from chassis.mongo.client import Database
from chassis.mongo.event_documents import EventWriter
from chassis.mongo.execution import Execution
from chassis.mongo.large_runs import LargeRuns
from chassis.mongo.limits import (
    BATCH_BYTES_MAX,
    BATCH_DOCUMENTS_MAX,
    DOCUMENT_BYTES,
    ITEM_BYTES,
    LARGE_BYTES,
    LARGE_DOCUMENTS,
    LARGE_READS,
    LARGE_SECONDS,
)
from chassis.mongo.loading import load
from chassis.mongo.long_records import changed_items, is_long
from chassis.mongo.operation import BatchedOperation, drive
from chassis.mongo.paging import Paging
from chassis.mongo.stats import UnitStats
from chassis.mongo.table import Tables
from chassis.mongo.transaction import Transaction
from chassis.mongo.view import WorkingChange
from chassis.mongo.working_set import Deferred, Heavy, LargeRecord, Missing, PendingReads, WorkingSet, Written
from chassis.repeated import Beforehand

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

    An operation that turns out to be large is handed to `to_heavy` instead; there its handler runs in a thread.
    """

    def __init__(
        self,
        database: Database,
        tables: Tables,
        event_writer: EventWriter,
        paging: Paging,
        ids: IdSource,
        stats: UnitStats,
        large_runs: LargeRuns,
        to_heavy: Callable[[BatchedOperation], None],
    ) -> None:
        self._database = database
        self._tables = tables
        self._event_writer = event_writer
        self._paging = paging
        self._ids = ids
        self._stats = stats
        self._large_runs = large_runs
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
                    if operation.heavy:
                        await self._large_runs.run(self._run_once, operation, held, moment)
                    else:
                        self._run_once(operation, held, moment)
                    self._count(operation)
                    done.append(operation)
                except Missing:
                    again.append(operation)
                except Deferred:
                    operation.deferrals += 1
                    self._stats.deferrals += 1
                    left.append(operation)
                except Heavy as found:
                    operation.heavy = True
                    operation.shares = isinstance(found, LargeRecord)
                    self._stats.heavy += 1
                    self._to_heavy(operation)
                if held.documents >= BATCH_DOCUMENTS_MAX or held.bytes >= BATCH_BYTES_MAX:
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
            halvings=operation.halvings,
            minted=operation.minted,
        )
        operation.result, operation.failure, operation.events = None, None, []
        asked = operation.reads.count
        began = thread_time()
        try:
            change = WorkingChange(run, self._paging, self._ids)
            operation.result = drive(operation, change)
            operation.events = self._event_writer.documents(run)
            operation.largest_bite = run.largest_bite
        except Missing:
            operation.moment = run.moment
            large = operation.reads.count - asked > LARGE_READS or thread_time() - began > LARGE_SECONDS
            if large and not operation.heavy:
                raise Heavy from None
            raise
        except (Deferred, Heavy):
            operation.moment = run.moment
            raise
        except Exception as cause:  # noqa: BLE001  it is the caller's to handle
            if run.claims.assumed:
                # The run assumed a unique key was free; if it is not, the caller must get that conflict instead.
                # Check the key and run again.
                operation.careful = True
                raise Missing from None
            operation.failure = cause
            return
        size = _size_of(run, operation.events)
        if not operation.heavy and (size > LARGE_BYTES or len(run.written) + len(operation.events) > LARGE_DOCUMENTS):
            raise Heavy
        held.merge(run.written, run.claims.keys)
        held.assumed |= run.claims.assumed
        held.documents += len(operation.events)
        held.bytes += size

    def _count(self, operation: BatchedOperation) -> None:
        """Count a run that ended with an error."""
        if operation.failure is not None:
            self._stats.refusals += isinstance(operation.failure, Refusal)
            self._stats.defects += not isinstance(operation.failure, Refusal | Beforehand)


def _size_of(run: Execution, events: Sequence[dict[str, Any]]) -> int:
    """The estimated bytes that a run writes."""
    size = DOCUMENT_BYTES * (len(run.written) + len(events))
    for each in run.written.values():
        if each.table.lists:
            size += _items_to_write(each) * ITEM_BYTES
    for event in events:
        size += len(event["body"])
    return size


def _items_to_write(written: Written) -> int:
    """How many items of lists a write sends, at least."""
    table, before, after = written.table, written.before, written.record
    if table.long_list is not None and is_long(table, after) and type(before) is type(after):
        field = table.long_list.field
        return len(changed_items(getattr(before, field), getattr(after, field)))
    return table.items_of(after)


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
