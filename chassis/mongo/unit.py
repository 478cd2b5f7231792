"""Where a service's views and changes come from: the port `Units` over MongoDB.

change ─→ committer.py        queue, passes, one transaction per batch
view   ─→ reader.py           the same without writes
           snapshot_reader.py  long scans of one moment, each in a transaction of its own
           run_in_process.py   the same in a child process
           view.py             what a handler sees
           execution.py        what one run of a handler has read and written
           key_claims.py       the ids and unique keys that a run takes or releases
           working_set.py      what the batch has loaded
           loading.py          how missing records are loaded
           query.py            which index serves a query
           event_documents.py  the event documents of a run
           flush.py            the writes of a batch
           limits.py           what a batch may hold, and from when on an operation is large
           large_runs.py       threads for the handlers of large operations
           pace.py             what is learned from batches: how many operations fit, which calls are large
"""

import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, TypeVar

import structlog

from chassis.caller import Call
from chassis.clock import Clock
from chassis.entity import Entity
from chassis.ids import IDS, IdSource
from chassis.mongo.client import Database
from chassis.mongo.committer import Committer
from chassis.mongo.event_documents import EventWriter
from chassis.mongo.eventlog import EVENTS
from chassis.mongo.flush import MARKS
from chassis.mongo.indexes import ensure
from chassis.mongo.operation import BatchedOperation
from chassis.mongo.paging import Paging
from chassis.mongo.reader import Reader
from chassis.mongo.run_in_process import run_in_process
from chassis.mongo.snapshot_reader import MongoSnapshotReaders
from chassis.mongo.stats import UnitStats
from chassis.mongo.table import Tables
from chassis.page import Seal
from chassis.repeated import Beforehand
from chassis.sealing import Sealer
from chassis.unit import Change, SnapshotReader, Units, View

T = TypeVar("T")

COMMITTERS = 1
"""Batches in progress at a time. One is best if the database shares our cores; a large cluster can use more."""

LIVE_READERS = 4
SNAPSHOT_READERS = 2

log = structlog.get_logger("chassis.mongo")


class MongoUnits(Units):
    """Views and changes over one database.

    entities    their indexes are created at start; the engine's own entities are added
    source      the service's name in events; its last word is the first of the types of silent events
    page_key    seals page tokens; the same in all replicas
    admit       called before each change; raises to refuse it
    sealer      seals the secrets of records; needed if an entity has any
    """

    def __init__(
        self,
        database: Database,
        entities: Iterable[Entity[Any]],
        clock: Clock,
        source: str,
        *,
        ids: IdSource = IDS,
        page_key: bytes | None = None,
        committers: int = COMMITTERS,
        admit: Callable[[Call], None] | None = None,
        sealer: Sealer | None = None,
    ) -> None:
        self.database = database
        self._admit = admit
        self.stats = UnitStats()
        self._entities = list(dict.fromkeys([*entities, EVENTS, MARKS]))
        self._callbacks: list[Callable[[], None]] = []
        self._work_callbacks: list[Callable[[str], None]] = []
        tables = Tables(sealer)
        for entity in self._entities:
            tables.of(entity)
        self._clock = clock
        paging = Paging(Seal(page_key or secrets.token_bytes(32)), database.quirks)
        self._readers = MongoSnapshotReaders(database, tables, paging, clock)
        event_writer = EventWriter(source, ids)
        self._committer = Committer(
            database, tables, clock, event_writer, paging, ids, self.stats, self._committed, committers
        )
        self._live = Reader(database, tables, clock, paging, self.stats, snapshot=False, loops=LIVE_READERS)
        self._snapshots = Reader(database, tables, clock, paging, self.stats, snapshot=True, loops=SNAPSHOT_READERS)

    async def start(self) -> None:
        """Create the indexes and start to take work."""
        await ensure(self.database, self._entities)
        self._committer.start()
        self._live.start()
        self._snapshots.start()

    async def stop(self) -> None:
        """Complete what waits; refuse anything later as unavailable."""
        await self._committer.stop()
        await self._live.stop()
        await self._snapshots.stop()

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Call this after each commit that wrote events."""
        self._callbacks.append(callback)

    def on_work(self, callback: Callable[[str], None]) -> None:
        """Call this with the name of each work queue that a commit has added to."""
        self._work_callbacks.append(callback)

    @property
    def waiting(self) -> int:
        """Changes that wait for a batch."""
        return self._committer.waiting

    async def view(self, call: Call, handler: Callable[[View], Awaitable[T]], *, snapshot: bool = False) -> T:
        """Run a reading handler; see `Units.view`."""
        reader = self._snapshots if snapshot else self._live
        answer: T = await reader.submit(BatchedOperation(call, handler, None))
        return answer

    def snapshot_reader(self, call: Call, *, moment: bool = True) -> AbstractAsyncContextManager[SnapshotReader]:
        """See `SnapshotReaders.snapshot_reader`."""
        return self._readers.snapshot_reader(call, moment=moment)

    async def run_in_process(self, call: Call, work: Callable[..., Awaitable[T]], *given: Any) -> T:
        """See `Units.run_in_process`."""
        return await run_in_process(self.database, self._clock, work, call, *given)

    async def change(
        self, call: Call, handler: Callable[[Change], Awaitable[T]], *, emits: Collection[str] | None = None
    ) -> T:
        """Run a writing handler; see `Units.change`."""
        if self._admit is not None:
            self._admit(call)
        allowed = frozenset(emits) if emits is not None else None
        while True:
            try:
                answer: T = await self._committer.submit(BatchedOperation(call, handler, allowed))
            except Beforehand as needed:
                await needed.work(self)
            else:
                return answer

    def _committed(self, queues: Collection[str]) -> None:
        woken: list[Callable[[], None]] = [
            partial(callback, queue) for queue in queues for callback in self._work_callbacks
        ]
        for callback in [*woken, *self._callbacks]:
            try:
                callback()
            except Exception:
                # The commit stands: an error in one callback must not fail the call or keep the others from running.
                log.exception("on_commit_failed")
