"""Operators' commands on work: how much there is, its dead letters, and their retry."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.clock import Clock, Utc, seconds_between
from chassis.entity import Value
from chassis.errors import NotFound
from chassis.ids import new_id
from chassis.mongo.client import Database
from chassis.unit import Change, Units, View
from chassis.work.item import STATES, State, WorkItem, fresh, item_id, items_of
from chassis.work.queue import Lane, Worker, WorkQueue
from chassis.work.store import back_in_line

COUNTED_MAX = 100_000
"""More items of one state than this are counted as this many."""

DEAD_DEFAULT = 100
DEAD_MAX = 1000
RETRIED_AT_ONCE = 100


class WorkDepth(Value):
    """Items of one lane of a queue, by state, and for how many seconds the first of them has been due."""

    queue: str
    lane: Lane
    counts: dict[State, int]
    oldest_seconds: float = 0.0


class DeadWork(Value):
    """An item that was given up. `payload` and `progress` are JSON."""

    queue: str
    orgcode: str
    key: str
    group: str
    lane: Lane
    attempts: int
    dead_utc: Utc
    enqueued_utc: Utc
    last_error: str
    payload: str
    progress: str


class WorkAdmin:
    """Looks into the work of one service."""

    def __init__(self, workers: Sequence[Worker], units: Units, database: Database, clock: Clock) -> None:
        self._queues = {worker.queue.name: worker.queue for worker in workers}
        self._units = units
        self._database = database
        self._clock = clock

    async def depths(self) -> list[WorkDepth]:
        """Every lane of every queue. Index: due."""
        return [await self._depth(queue, lane) for queue in self._queues.values() for lane in queue.lanes]

    async def dead(self, queue: str = "", limit: int = 0) -> list[DeadWork]:
        """The oldest dead letters of a queue, or of each. `NotFound` for an unknown queue. Index: due."""
        chosen = [self._find(queue)] if queue else list(self._queues.values())
        found = [item for each in chosen for item in await self._dead(each, min(limit or DEAD_DEFAULT, DEAD_MAX))]
        return [_shown(item) for item in sorted(found, key=lambda item: item.due_utc)]

    async def retry(self, queue: str, *, orgcode: str = "", key: str = "", limit: int = 0) -> int:
        """Queue dead letters again, with their attempts back at 0; returns the number.

        All of the queue, oldest first and up to the limit, those of an org, or the one with this key.
        Raises `NotFound` for an unknown queue.
        """
        found = self._find(queue)
        dead = [await self._one(found, orgcode, key)] if key else await self._dead(found, limit or DEAD_MAX)
        chosen = [item.item_id for item in dead if item is not None and (not orgcode or item.orgcode == orgcode)]
        retried = 0
        for start in range(0, len(chosen), RETRIED_AT_ONCE):
            retried += await self._retry(found, chosen[start : start + RETRIED_AT_ONCE])
        return retried

    async def _retry(self, queue: WorkQueue[Any], ids: Sequence[str]) -> int:
        async def write(change: Change) -> int:
            known = await change.get_many(items_of(queue), ids)
            # Progress stays: a run goes on from where it was given up.
            again = [
                replace(fresh(item), state="ready", due_utc=change.now, progress=item.progress)
                for item in known.values()
                if item.state == "dead"
            ]
            await back_in_line(change, queue, again)
            return len(again)

        return await self._units.change(self._call(), write)

    async def _dead(self, queue: WorkQueue[Any], limit: int) -> list[WorkItem]:
        found = [await self._first(queue, "dead", lane, limit) for lane in queue.lanes]
        return sorted((item for lane in found for item in lane), key=lambda item: item.due_utc)[:limit]

    async def _one(self, queue: WorkQueue[Any], orgcode: str, key: str) -> WorkItem | None:
        async def look(view: View) -> WorkItem | None:
            return await view.get(items_of(queue), item_id(queue, orgcode, key))

        return await self._units.view(self._call(), look)

    async def _first(self, queue: WorkQueue[Any], state: State, lane: Lane, limit: int) -> list[WorkItem]:
        async def look(view: View) -> list[WorkItem]:
            where = {"queue": queue.name, "state": state, "lane": lane}
            return await view.find(items_of(queue), where, order=["due_utc"], limit=limit)

        return await self._units.view(self._call(), look)

    async def _depth(self, queue: WorkQueue[Any], lane: Lane) -> WorkDepth:
        collection = self._database.collection(items_of(queue).collection)
        counts: dict[State, int] = {}
        for state in STATES:
            where = {"queue": queue.name, "state": state, "lane": lane}
            counts[state] = await collection.count(where, at_most=COUNTED_MAX)
        first = await self._first(queue, "ready", lane, 1) if counts["ready"] else []
        oldest = max(0.0, seconds_between(first[0].due_utc, self._clock.now())) if first else 0.0
        return WorkDepth(queue=queue.name, lane=lane, counts=counts, oldest_seconds=oldest)

    def _find(self, queue: str) -> WorkQueue[Any]:
        found = self._queues.get(queue)
        if found is None:
            raise NotFound(f"there is no work queue {queue}", queues=sorted(self._queues))
        return found

    def _call(self) -> Call:
        now = self._clock.now()
        return Call(caller=SYSTEM, name="work.admin", request_id=new_id(now), started_utc=now)


def _shown(item: WorkItem) -> DeadWork:
    return DeadWork(
        queue=item.queue,
        orgcode=item.orgcode,
        key=item.key,
        group=item.group.rpartition("/")[2],
        lane=item.lane,
        attempts=item.attempts,
        dead_utc=item.due_utc,
        enqueued_utc=item.enqueued_utc,
        last_error=item.last_error,
        payload=item.payload,
        progress=item.progress or "",
    )
