"""Group commit: operations that arrive while one is being written share the next transaction.

One loop takes all that waits, runs the handlers one after the other over one working set, loads what they miss in
rounds, writes what they leave behind and commits once. A handler never waits for the database; it is dropped and run
again. Answers and refusals alike are given after the commit, because either may rest on what a neighbour wrote.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any

import structlog

from chassis.clock import Clock, Utc
from chassis.errors import Conflict, InvalidState, Refusal, Unavailable
from chassis.ids import IdSource
from chassis.mongo.client import Database
from chassis.mongo.commit import commit
from chassis.mongo.errors import DatabaseUnreachable, Duplicate, TransactionTooLarge, Transient
from chassis.mongo.event_documents import EventWriter
from chassis.mongo.execution import Execution, Tables
from chassis.mongo.flush import collect, write
from chassis.mongo.lane import Lane, still_in
from chassis.mongo.loading import load
from chassis.mongo.operation import BatchedOperation, drive
from chassis.mongo.paging import Paging
from chassis.mongo.stats import UnitStats
from chassis.mongo.transaction import Transaction
from chassis.mongo.view import WorkingChange
from chassis.mongo.working_set import Deferred, Heavy, Missing, PendingReads, UncheckedKey, WorkingSet, key_conflict
from chassis.unit import Beforehand

BATCH_OPERATIONS_MAX = 256
BATCH_DOCUMENTS_MAX = 1_000
"""Documents a transaction may write before it takes in no more operations."""

RUNS_BETWEEN_YIELDS = 16
PASSES_MAX = 8
"""Rounds of loading after which an operation that still misses something leaves the batch to its neighbours."""

PASSES_ALONE_MAX = 200
DEFERRALS_BEFORE_ALONE = 3
TRIES_BEFORE_SPLIT = 4
RETRY_SECONDS_MAX = 10.0
JITTER_SECONDS = 0.002

log = structlog.get_logger("chassis.mongo")


class Committer:
    """The loops, and their queues: one for all operations, and one beside it for those that are heavy."""

    def __init__(
        self,
        database: Database,
        tables: Tables,
        clock: Clock,
        teller: EventWriter,
        paging: Paging,
        ids: IdSource,
        stats: UnitStats,
        on_commit: Callable[[set[str]], None],
        loops: int = 1,
    ) -> None:
        self._database = database
        self._tables = tables
        self._clock = clock
        self._event_writer = teller
        self._paging = paging
        self._ids = ids
        self._stats = stats
        self._on_commit = on_commit
        self._loops = loops
        self._shared, self._heavy = Lane(), Lane()
        self._stopping = False
        self._emptied = False
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def waiting(self) -> int:
        """Operations that wait for a batch."""
        return len(self._shared.queue) + len(self._heavy.queue)

    def start(self) -> None:
        """Begin to take operations."""
        self._stopping = self._emptied = False
        lanes = [*[self._shared] * self._loops, self._heavy]
        self._tasks = [asyncio.create_task(self._serve(lane), name=f"committer {n}") for n, lane in enumerate(lanes)]

    async def stop(self) -> None:
        """Finish what waits; take nothing new."""
        self._stopping = True
        # What turns out to be heavy while the shared lane is emptied still finds the heavy one served.
        self._shared.arrived.set()
        await asyncio.gather(*self._tasks[:-1])
        self._emptied = True
        self._heavy.arrived.set()
        await asyncio.gather(*self._tasks)
        # A heavy operation may have gone back to the shared lane to be committed alone.
        while self._shared.queue:
            await self._complete(self._take(self._shared), self._shared)
        self._tasks = []

    async def submit(self, operation: BatchedOperation) -> Any:
        """Wait for what comes of an operation."""
        if self._stopping or not self._tasks:
            raise Unavailable("shutting down")
        self._shared.put(operation)
        return await operation.future

    async def _serve(self, lane: Lane) -> None:
        while True:
            if not lane.queue:
                if self._stopping and (lane is self._shared or self._emptied):
                    return
                lane.arrived.clear()
                await lane.arrived.wait()
                continue
            batch = self._take(lane)
            try:
                await self._complete(batch, lane)
            except BaseException as cause:
                # The callers hear of it; the loop serves those behind them, unless it is told to end.
                for operation in still_in(batch, lane):
                    operation.fail(cause if isinstance(cause, Exception) else Unavailable("shutting down"))
                if not isinstance(cause, Exception):
                    raise
                log.exception("committer_failed")
            # Those just answered may have more to do: let them ask before the next batch is closed.
            await asyncio.sleep(0)

    def _take(self, lane: Lane) -> list[BatchedOperation]:
        """The next batch. One that was put off too often goes alone."""
        batch: list[BatchedOperation] = []
        queue = lane.queue
        while queue and len(batch) < BATCH_OPERATIONS_MAX:
            alone = queue[0].deferrals >= DEFERRALS_BEFORE_ALONE
            if alone and batch:
                break
            operation = queue.popleft()
            if not operation.future.cancelled():
                batch.append(operation)
            if alone and batch:
                break
        return batch

    async def _complete(self, batch: Sequence[BatchedOperation], lane: Lane) -> None:
        """Bring a batch to its end: repeat it after conflicts, split it where one of it spoils the others."""
        pieces: deque[tuple[list[BatchedOperation], int]] = deque([(list(batch), 0)])
        until = monotonic() + RETRY_SECONDS_MAX
        while pieces:
            piece, tries = pieces.popleft()
            cause = await self._tried(piece, lane)
            # Those that turned out to be heavy have gone to the other lane.
            piece = still_in(piece, lane)
            if cause is None or not piece:
                continue
            if lane is self._heavy and isinstance(cause, Transient) and tries >= TRIES_BEFORE_SPLIT:
                # Others keep being quicker: commit it alone in the shared lane, where nobody of this process is.
                for operation in piece:
                    operation.deferrals = DEFERRALS_BEFORE_ALONE
                    self._shared.put(operation)
                continue
            if isinstance(cause, DatabaseUnreachable):
                # Whoever waits as well would only wait as long again.
                others = [operation for rest, _ in pieces for operation in rest]
                _fail([*piece, *others, *self._drained()], _unavailable(cause))
                return
            verdict = self._verdict(piece, tries, cause, until)
            if verdict is not None:
                _fail(piece, verdict)
                continue
            may_repeat = isinstance(cause, Transient | Duplicate) and tries < TRIES_BEFORE_SPLIT
            if may_repeat or len(piece) == 1:
                pieces.appendleft((piece, tries + 1))
            else:
                self._stats.splits += 1
                middle = len(piece) // 2
                pieces.extendleft([(piece[middle:], 0), (piece[:middle], 0)])
            await asyncio.sleep(random.random() * JITTER_SECONDS * 2 ** min(tries, 6))

    async def _tried(self, piece: list[BatchedOperation], lane: Lane) -> Exception | None:
        """What stopped a transaction; None when it went through."""
        try:
            await self._attempt(piece, lane)
        except UncheckedKey:
            return Duplicate("a claim was given up before it was tried", {}, {})
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
        """What the operations are told for good; None when there is something left to try."""
        if isinstance(cause, Unavailable):
            return cause
        if isinstance(cause, Transient):
            late = monotonic() > until
            return Unavailable("others keep changing what this call changes") if late else None
        if isinstance(cause, Duplicate):
            if len(piece) == 1 and tries > TRIES_BEFORE_SPLIT:
                return self._refusal(cause)
            # Next time everyone looks up the keys it takes, so that whoever collides is refused by itself.
            for operation in piece:
                operation.careful = True
            return None
        if len(piece) > 1:
            # One operation caused this error, or all of them together: split the batch to find out.
            return None
        if isinstance(cause, TransactionTooLarge):
            return InvalidState("the call changes more than one transaction can hold; ask for less", status="too_large")
        return cause

    async def _attempt(self, batch: list[BatchedOperation], lane: Lane) -> None:
        """One transaction. What it could not take in goes back to the front of the queue."""
        held = WorkingSet()
        moment = self._clock.now()
        async with self._database.transaction() as transaction:
            done, left = await self._run_all(batch, held, moment, transaction)
            told = [document for operation in done for document in operation.told]
            writes = collect(held, told, self._ids, moment, embedded=self._database.embedded)
            if writes:
                await write(self._database, transaction, writes)
                await commit(self._database, transaction, writes, self._stats)
        self._stats.batches += 1
        self._stats.operations += len(done)
        self._stats.largest = max(self._stats.largest, len(done))
        lane.queue.extendleft(reversed(left))
        for operation in done:
            operation.settle()
        if writes.events:
            self._on_commit({event["queue"] for event in writes.events if "queue" in event})

    async def _run_all(
        self, batch: list[BatchedOperation], held: WorkingSet, moment: Utc, transaction: Transaction
    ) -> tuple[list[BatchedOperation], list[BatchedOperation]]:
        """Run every operation until it is complete: those that are, and those left for the next batch."""
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
                    self._run(operation, held, moment)
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
                    self._heavy.put(operation)
                if held.weight >= BATCH_DOCUMENTS_MAX:
                    left += [*again, *todo[place + 1 :]]
                    return done, _in_order(batch, left)
            again = self._patient(again, done, left)
            await self._load(again, held, transaction)
            todo = again
        return done, _in_order(batch, left)

    async def _load(self, operations: Sequence[BatchedOperation], held: WorkingSet, transaction: Transaction) -> None:
        """Load all that these have asked for so far and that is not there yet."""
        reads = PendingReads()
        for operation in operations:
            reads.add(operation.reads)
        if reads:
            await load(self._database, held, reads, transaction)

    def _patient(
        self, again: list[BatchedOperation], done: list[BatchedOperation], left: list[BatchedOperation]
    ) -> list[BatchedOperation]:
        """Those to run again now. One that asks and asks lets its neighbours go ahead, or is found out."""
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

    def _run(self, operation: BatchedOperation, held: WorkingSet, moment: Utc) -> None:
        """Run a handler once, and merge what it leaves behind. Missing and Deferred pass through."""
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
        except Exception as cause:  # noqa: BLE001  it is the caller's to hear of
            if run.assumed:
                # A key it took for free may be taken, and then that is what it has to be told: look, and run again.
                operation.careful = True
                raise Missing from None
            self._stats.refusals += isinstance(cause, Refusal)
            self._stats.defects += not isinstance(cause, Refusal | Beforehand)
            operation.failure = cause
            return
        held.merge(run.written, run.keys)
        held.assumed |= run.assumed
        held.weight += len(operation.told)

    def _refusal(self, cause: Duplicate) -> Exception:
        """The refusal that belongs to a key the database found taken."""
        fields = tuple(cause.pattern)
        for table in self._tables.all():
            for unique in table.uniques.values():
                if unique.fields == fields:
                    return key_conflict(unique, table)
        return Conflict("this exists already") if fields == ("_id",) else cause

    def _drained(self) -> list[BatchedOperation]:
        waiting = [*self._shared.queue, *self._heavy.queue]
        self._shared.queue.clear()
        self._heavy.queue.clear()
        return waiting


def _fail(operations: Sequence[BatchedOperation], cause: Exception) -> None:
    for operation in operations:
        operation.fail(cause)


def _in_order(batch: Sequence[BatchedOperation], left: list[BatchedOperation]) -> list[BatchedOperation]:
    """Those left, in the order they came in."""
    if len(left) < 2:
        return left
    places = {id(operation): place for place, operation in enumerate(batch)}
    return sorted(left, key=lambda operation: places[id(operation)])


def _unavailable(cause: DatabaseUnreachable) -> Unavailable:
    refusal = Unavailable("the database cannot be reached")
    refusal.__cause__ = cause
    return refusal
