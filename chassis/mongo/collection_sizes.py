"""How many documents each collection holds.

MongoDB reads that from the collection's metadata. Where the server counts all documents instead (`quirks.py`), the
number of a large collection is remembered for some seconds. What this process inserts and deletes is added at once, so
the number misses only what other processes did in these seconds.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from time import monotonic

from chassis.frozen import Frozen

COUNTED_EACH_TIME_MAX = 2_000
"""Largest collection, in documents, that is counted whenever its size is asked for: it takes a millisecond or two on
the slowest server."""

REMEMBERED_SECONDS = 10.0
COUNT_SECONDS_MAX = 0.1
"""How long a caller waits for a new count while an older number is known."""


class _Known(Frozen):
    documents: int
    until: float


class _Counting(Frozen):
    """A count in progress, and how many changes of the collection came before it."""

    task: "asyncio.Task[int]"
    changes: int


class CollectionSizes:
    """Numbers of documents by collection. `count` asks the server, which `scans` if it has no such metadata."""

    def __init__(
        self, count: Callable[[str], Awaitable[int]], *, scans: bool, clock: Callable[[], float] = monotonic
    ) -> None:
        self._count = count
        self._scans = scans
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._changes: Counter[str] = Counter()
        self._running: dict[str, _Counting] = {}

    async def of(self, collection: str) -> int:
        """How many documents a collection holds."""
        if not self._scans:
            return await self._count(collection)
        known = self._known.get(collection)
        if known is None:
            return await self._counted(collection)
        if self._clock() < known.until:
            return known.documents
        try:
            async with asyncio.timeout(COUNT_SECONDS_MAX):
                return await self._counted(collection)
        except TimeoutError:
            known = self._known.get(collection)
            return known.documents if known is not None else await self._counted(collection)

    def changed(self, documents: Mapping[str, int], *, certain: bool = True) -> None:
        """Add what was committed: by how many documents each collection has grown. Not `certain`: it is not known
        whether that was committed, so these collections are counted anew."""
        if not self._scans:
            return
        for collection, growth in documents.items():
            self._changes[collection] += 1
            known = self._known.get(collection)
            if known is not None and certain:
                self._known[collection] = _Known(documents=known.documents + growth, until=known.until)
            elif known is not None:
                del self._known[collection]

    async def _counted(self, collection: str) -> int:
        """The result of a count that began after every change that is known now; callers share it."""
        running = self._running.get(collection)
        if running is not None and running.changes < self._changes[collection]:
            await asyncio.wait([running.task])
            running = self._running.get(collection)
        if running is None:
            task = asyncio.create_task(self._remembering(collection))
            running = self._running[collection] = _Counting(task=task, changes=self._changes[collection])
            task.add_done_callback(lambda ended: self._ended(collection, ended))
        # The count goes on without a caller that gives up: the next one finds its result.
        return await asyncio.shield(running.task)

    async def _remembering(self, collection: str) -> int:
        changes = self._changes[collection]
        documents = await self._count(collection)
        if documents <= COUNTED_EACH_TIME_MAX:
            self._known.pop(collection, None)
            return documents
        # A change during the count may be in it or not: the number is right for those who asked before, and no longer.
        seconds = REMEMBERED_SECONDS if self._changes[collection] == changes else 0.0
        self._known[collection] = _Known(documents=documents, until=self._clock() + seconds)
        return documents

    def _ended(self, collection: str, task: "asyncio.Task[int]") -> None:
        del self._running[collection]
        if not task.cancelled():
            # Marks an error as seen: perhaps no caller is left who would.
            task.exception()
