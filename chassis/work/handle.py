"""Leased work, as a worker is given it."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from chassis.caller import Call
from chassis.entity import Value
from chassis.errors import Refusal
from chassis.unit import Change
from chassis.work.item import WorkItem
from chassis.work.leasing import WorkClaim, checkpoint, finish
from chassis.work.queue import WorkQueue

P = TypeVar("P")


class Abandon(Refusal):
    """This work cannot be done, however often it is tried: make it a dead letter."""

    status, tag, reason = 422, "work-abandoned", "work_abandoned"


class WorkPart(Value, Generic[P]):
    """One item of leased work: what to do, and how often it was tried since its last progress, this time included."""

    key: str
    payload: P
    generation: int
    attempts: int


class Work(Generic[P]):
    """Leased work: one item, or all that was ready of a group.

    call        the call to make changes with: the stack itself acts, in the item's org, on the trace of its cause
    parts       the items; `key`, `payload` and `attempts` are those of the first one
    progress    what an earlier bite saved, or None
    """

    def __init__(self, queue: WorkQueue[P], claim: WorkClaim, call: Call, stopping: Callable[[], bool]) -> None:
        first = claim.items[0]
        self.call = call
        self.orgcode = claim.orgcode
        self.group = first.group.removeprefix(f"{queue.name}/{claim.orgcode}/") if first.group else ""
        self.parts: tuple[WorkPart[P], ...] = tuple(_part(queue, item) for item in claim.items)
        self.progress: Any = _progress(queue, first)
        self._queue = queue
        self._token = claim.token
        self._ids = dict(zip((part.key for part in self.parts), claim.ids, strict=True))
        self._stopping = stopping

    @property
    def key(self) -> str:
        """What is to be done."""
        return self.parts[0].key

    @property
    def payload(self) -> P:
        """What goes with the key, as it was enqueued last."""
        return self.parts[0].payload

    @property
    def attempts(self) -> int:
        """How often it was tried since its last progress, this time included."""
        return self.parts[0].attempts

    @property
    def should_stop(self) -> bool:
        """Whether to return `Continue()` soon: the process stops, or the gate has closed. Ask between bites."""
        return self._stopping()

    async def checkpoint(self, change: Change, progress: Any = UNSET) -> None:
        """Begin each change with this: the fence. It renews the lease, and saves `progress` where it is given.

        Saved progress is what `work.progress` is in the next run, also after a crash; it resets the count of attempts.
        Raises `LeaseLost` if another worker has the item since; then let the change fail.
        """
        if not isinstance(progress, UnsetType) and progress is not None and self._queue.progress is None:
            raise TypeError(f"{self._queue.name} declares no progress to save")
        await checkpoint(change, self._queue, self._token, list(self._ids.values()), progress)

    async def finish(self, change: Change, *keys: str) -> None:
        """Finish these items (none named: all) in this change: for work that must be done exactly once.

        Without it, all items are finished in one more change after the worker has returned. Raises `LeaseLost`.
        """
        await finish(change, self._queue, self._token, [self._ids[key] for key in keys or self._ids])


def _part(queue: WorkQueue[P], item: WorkItem) -> WorkPart[P]:
    payload: P = msgspec.json.decode(item.payload, type=queue.payload)
    return WorkPart(key=item.key, payload=payload, generation=item.generation, attempts=item.attempts)


def _progress(queue: WorkQueue[Any], item: WorkItem) -> Any:
    if item.progress is None or queue.progress is None:
        return None
    return msgspec.json.decode(item.progress, type=queue.progress | None)
