"""Group commit: changes that arrive while one is being written share the next transaction.

`batch_queue.py` takes everything that waits; `batch_run.py` runs the handlers one after the other over one working set
and loads what they miss in rounds; this file writes the result, commits once, and decides what to repeat, split or
refuse. A handler never waits for the database: it is dropped and run again. Answers and refusals alike are given after
the commit, because either may rest on what another operation of the batch wrote. An operation that turns out to be
large is committed beside the batch in a transaction of its own, its handler run in a thread, so that the others do not
wait for it. What a batch may hold is in `limits.py`.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from time import monotonic, perf_counter
from typing import Any

from chassis.clock import Clock
from chassis.errors import Conflict, InvalidState, Unavailable
from chassis.ids import IdSource
from chassis.mongo.batch_queue import BatchQueue, fail_all
from chassis.mongo.batch_run import BatchRunner
from chassis.mongo.client import Database
from chassis.mongo.commit import commit
from chassis.mongo.errors import DatabaseUnreachable, Duplicate, TransactionTooLarge, Transient
from chassis.mongo.event_documents import EventWriter
from chassis.mongo.flush import collect, write
from chassis.mongo.large_runs import LargeRuns
from chassis.mongo.limits import LARGE_BYTES, LARGE_DOCUMENTS, LARGE_READS, LARGE_TOGETHER
from chassis.mongo.operation import BatchedOperation
from chassis.mongo.pace import BatchPace, LargeCalls
from chassis.mongo.paging import Paging
from chassis.mongo.stats import BatchSize, UnitStats
from chassis.mongo.table import Tables
from chassis.mongo.working_set import UncheckedKey, WorkingSet, key_conflict

DEFERRALS_BEFORE_ALONE = 3
TRIES_BEFORE_SPLIT = 4
RETRY_SECONDS_MAX = 10.0
JITTER_SECONDS = 0.002


class Committer:
    """Commits changes in batches."""

    def __init__(
        self,
        database: Database,
        tables: Tables,
        clock: Clock,
        event_writer: EventWriter,
        paging: Paging,
        ids: IdSource,
        stats: UnitStats,
        on_commit: Callable[[set[str]], None],
        loops: int = 1,
    ) -> None:
        self._database = database
        self._tables = tables
        self._clock = clock
        self._ids = ids
        self._stats = stats
        self._on_commit = on_commit
        self._pace = BatchPace()
        self._shared = BatchQueue(
            "committer",
            lambda queue: _take(queue, self._pace.operations),
            lambda batch: self._complete(batch, self._shared),
            loops=loops,
        )
        self._heavy = BatchQueue(
            "heavy committer",
            _take_large,
            lambda batch: self._complete(batch, self._heavy),
            # One at a time: two that change the same item would only conflict.
            loops=1,
        )
        self._large_runs = LargeRuns()
        self._large_calls = LargeCalls()
        self._runner = BatchRunner(
            database, tables, event_writer, paging, ids, stats, self._large_runs, self._heavy.put
        )

    @property
    def waiting(self) -> int:
        """Operations that wait for a batch."""
        return len(self._shared) + len(self._heavy)

    def start(self) -> None:
        """Begin to take operations."""
        self._shared.start()
        self._heavy.start()

    async def stop(self) -> None:
        """Complete what waits; refuse anything new."""
        # The heavy queue is served until the shared one is empty, which may find heavy operations.
        await self._shared.stop()
        await self._heavy.stop()
        # A heavy operation may have returned to the shared queue, to be committed alone.
        await self._shared.work_off()
        self._large_runs.stop()

    async def submit(self, operation: BatchedOperation) -> Any:
        """The operation's result once it is committed. Raises its failure, or `Unavailable` while stopping."""
        operation.heavy = self._large_calls.expected(operation.call.name)
        return await (self._heavy if operation.heavy else self._shared).submit(operation)

    async def _complete(self, batch: list[BatchedOperation], queue: BatchQueue) -> None:
        """Settle a batch: repeat it after conflicts, split it if one operation makes the others fail."""
        pieces: deque[tuple[list[BatchedOperation], int]] = deque([(batch, 0)])
        until = monotonic() + RETRY_SECONDS_MAX
        while pieces:
            piece, tries = pieces.popleft()
            cause = await self._tried(piece, queue)
            # Operations that turned out to be heavy are in the other queue now.
            piece = queue.owned(piece)
            if cause is None or not piece:
                continue
            if queue is self._heavy and isinstance(cause, Transient) and tries >= TRIES_BEFORE_SPLIT:
                # Others are always quicker: commit it alone in the shared queue, without competition from this process.
                for operation in piece:
                    operation.deferrals = DEFERRALS_BEFORE_ALONE
                    self._shared.put(operation)
                continue
            if isinstance(cause, DatabaseUnreachable):
                # The database is unreachable: fail the whole queue now instead of letting each call time out.
                others = [operation for rest, _ in pieces for operation in rest]
                fail_all([*piece, *others, *self._shared.drain(), *self._heavy.drain()], _unavailable(cause))
                return
            verdict = self._verdict(piece, tries, cause, until)
            if verdict is not None:
                fail_all(piece, verdict)
                continue
            may_repeat = isinstance(cause, Transient | Duplicate) and tries < TRIES_BEFORE_SPLIT
            if may_repeat or len(piece) == 1:
                pieces.appendleft((piece, tries + 1))
            else:
                self._stats.splits += 1
                middle = len(piece) // 2
                pieces.extendleft([(piece[middle:], 0), (piece[:middle], 0)])
            await asyncio.sleep(random.random() * JITTER_SECONDS * 2 ** min(tries, 6))

    async def _tried(self, piece: list[BatchedOperation], queue: BatchQueue) -> Exception | None:
        """The error of one transaction; None if it was committed."""
        try:
            await self._attempt(piece, queue)
        except UncheckedKey:
            return Duplicate("an assumed key was released before it was checked", {}, {})
        except Transient as cause:
            self._stats.conflicts += 1
            return cause
        except Duplicate as cause:
            self._stats.duplicates += 1
            return cause
        except TransactionTooLarge as cause:
            self._stats.too_large += 1
            return cause
        except Exception as cause:  # noqa: BLE001  judged by the caller
            return cause
        return None

    def _verdict(self, piece: list[BatchedOperation], tries: int, cause: Exception, until: float) -> Exception | None:
        """The final error of these operations; None if they should be tried again."""
        if isinstance(cause, Unavailable):
            return cause
        if isinstance(cause, Transient):
            late = monotonic() > until
            return Unavailable("others keep changing what this call changes") if late else None
        if isinstance(cause, Duplicate):
            if len(piece) == 1 and tries > TRIES_BEFORE_SPLIT:
                return self._refusal(cause)
            # From now on they check the keys they take, so that only the one that collides is refused.
            for operation in piece:
                operation.careful = True
            return None
        if len(piece) > 1:
            # One operation caused this error, or all of them together: split the batch to find out.
            return None
        if isinstance(cause, TransactionTooLarge):
            if piece[0].largest_bite > 1:
                piece[0].halvings += 1
                return None
            return InvalidState("the call changes more than one transaction can hold; ask for less", status="too_large")
        return cause

    async def _attempt(self, batch: list[BatchedOperation], queue: BatchQueue) -> None:
        """One transaction. Operations it could not take in return to the front of the queue."""
        held = WorkingSet(self._tables.remembered)
        moment = self._clock.now()
        began = perf_counter()
        large = queue is self._heavy
        async with self._database.transaction() as transaction:
            done, left = await self._runner.run(batch, held, moment, transaction)
            events = [document for operation in done for document in operation.events]
            given = (held, events, self._ids, moment, self._database.quirks)
            writes = await self._large_runs.run(collect, *given) if large else collect(*given)
            if writes:
                await write(self._database, transaction, writes)
                await commit(self._database, transaction, writes, self._stats)
        self._note(done, held, perf_counter() - began, large=large)
        queue.put_back(left)
        for operation in done:
            operation.settle()
        if writes.events:
            self._on_commit({event["queue"] for event in writes.events if "queue" in event})

    def _note(self, done: list[BatchedOperation], held: WorkingSet, seconds: float, *, large: bool) -> None:
        """Count a committed batch, and learn from it how much the next ones may take."""
        self._stats.batches += 1
        self._stats.operations += len(done)
        self._stats.largest = max(self._stats.largest, len(done))
        self._stats.sizes.append(BatchSize("large" if large else "shared", seconds, held.documents, held.bytes))
        if not large:
            self._pace.note(len(done), seconds)
            return
        was_large = held.documents > LARGE_DOCUMENTS or held.bytes > LARGE_BYTES or held.loaded > LARGE_READS
        for operation in done:
            self._large_calls.note(operation.call.name, large=was_large)

    def _refusal(self, cause: Duplicate) -> Exception:
        """The refusal declared for a unique key that the database found taken."""
        fields = tuple(cause.pattern)
        for table in self._tables.all():
            for unique in table.uniques.values():
                if unique.fields == fields:
                    return key_conflict(unique, table)
        return Conflict("this exists already") if fields == ("_id",) else cause


def _take(queue: deque[BatchedOperation], at_most: int) -> list[BatchedOperation]:
    """The next batch. An operation that was deferred too often gets a batch of its own."""
    batch: list[BatchedOperation] = []
    while queue and len(batch) < at_most:
        alone = queue[0].deferrals >= DEFERRALS_BEFORE_ALONE
        if alone and batch:
            break
        operation = queue.popleft()
        if not operation.future.cancelled():
            batch.append(operation)
        if alone and batch:
            break
    return batch


def _take_large(queue: deque[BatchedOperation]) -> list[BatchedOperation]:
    """The next large operation; with those behind it that are large because of a record they read, as it is."""
    batch = _take(queue, 1)
    while batch and batch[0].shares and queue and queue[0].shares and len(batch) < LARGE_TOGETHER:
        batch += _take(queue, 1)
    return batch


def _unavailable(cause: DatabaseUnreachable) -> Unavailable:
    refusal = Unavailable("the database cannot be reached")
    refusal.__cause__ = cause
    return refusal
