"""Where a service's views and changes come from: the port `Units` over MongoDB.

change ─→ committer.py   queue, passes, one transaction per batch
view   ─→ reader.py      the same without writes
           still.py      long readings of one moment, which share nothing     aside.py      the same in another process
           view.py       what the handler sees            run.py      what one run has read and written
           working_set.py  what the batch has loaded      loading.py  how what is missed is loaded
           query.py      which index serves               telling.py  event documents      flush.py  the writes
"""

import secrets
from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any, TypeVar

import structlog

from chassis.caller import Call
from chassis.clock import Clock
from chassis.entity import Entity
from chassis.ids import IDS, IdSource
from chassis.mongo.aside import aside
from chassis.mongo.client import Database
from chassis.mongo.committer import Committer
from chassis.mongo.eventlog import EVENTS
from chassis.mongo.flush import MARKS
from chassis.mongo.indexes import ensure
from chassis.mongo.operation import Operation
from chassis.mongo.paging import Paging
from chassis.mongo.reader import Reader
from chassis.mongo.run import Tables
from chassis.mongo.stats import UnitStats
from chassis.mongo.still import StillReader
from chassis.mongo.telling import Teller
from chassis.page import Seal
from chassis.unit import Change, Still, Units, View

T = TypeVar("T")

COMMITTERS = 1
"""Batches on their way at a time. One is best where the database shares our cores; a large cluster can use more."""

LIVE_READERS = 4
SNAPSHOT_READERS = 2

log = structlog.get_logger("chassis.mongo")


class MongoUnits(Units):
    """Views and changes over one database.

    entities    whose indexes are made at start; EVENTS and what the engine keeps for itself come by themselves
    source      the service, as events name it; its last word is the first of the types of silent events
    page_key    seals page tokens; the same in all replicas
    admit       asked before each change whether it may be made now; refuses by raising
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
    ) -> None:
        self.database = database
        self._admit = admit
        self.stats = UnitStats()
        self._entities = list(dict.fromkeys([*entities, EVENTS, MARKS]))
        self._callbacks: list[Callable[[], None]] = []
        tables = Tables()
        for entity in self._entities:
            tables.of(entity)
        self._clock = clock
        paging = Paging(Seal(page_key or secrets.token_bytes(32)), database.embedded)
        self._stills = StillReader(database, tables, paging, clock)
        teller = Teller(source, ids)
        self._committer = Committer(
            database, tables, clock, teller, paging, ids, self.stats, self._committed, committers
        )
        self._live = Reader(database, tables, clock, paging, self.stats, snapshot=False, loops=LIVE_READERS)
        self._still = Reader(database, tables, clock, paging, self.stats, snapshot=True, loops=SNAPSHOT_READERS)

    async def start(self) -> None:
        """Make the indexes and begin to take work."""
        await ensure(self.database, self._entities)
        self._committer.start()
        self._live.start()
        self._still.start()

    async def stop(self) -> None:
        """Finish what waits; whatever comes later is refused as unavailable."""
        await self._committer.stop()
        await self._live.stop()
        await self._still.stop()

    def on_commit(self, callback: Callable[[], None]) -> None:
        """Have this called after each commit that brought events."""
        self._callbacks.append(callback)

    @property
    def waiting(self) -> int:
        """Changes that wait for a batch."""
        return self._committer.waiting

    async def view(self, call: Call, handler: Callable[[View], Awaitable[T]], *, snapshot: bool = False) -> T:
        """Run a reading handler; see `Units.view`."""
        reader = self._still if snapshot else self._live
        answer: T = await reader.submit(Operation(call, handler, None))
        return answer

    def still(self, call: Call, *, moment: bool = True) -> AbstractAsyncContextManager[Still]:
        """Read at length; see `Stills.still`."""
        return self._stills.still(call, moment=moment)

    async def aside(self, call: Call, work: Callable[..., Awaitable[T]], *given: Any) -> T:
        """Read at length in a process beside this one; see `Units.aside`."""
        return await aside(self.database, self._clock, work, call, *given)

    async def change(
        self, call: Call, handler: Callable[[Change], Awaitable[T]], *, emits: Collection[str] | None = None
    ) -> T:
        """Run a writing handler; see `Units.change`."""
        if self._admit is not None:
            self._admit(call)
        allowed = frozenset(emits) if emits is not None else None
        answer: T = await self._committer.submit(Operation(call, handler, allowed))
        return answer

    def _committed(self) -> None:
        for callback in self._callbacks:
            try:
                callback()
            except Exception:
                # What was committed is committed: no listener may turn it into a failure, or keep it from the others.
                log.exception("on_commit_failed")
