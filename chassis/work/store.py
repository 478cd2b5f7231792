"""Adding work: `enqueue`, in the change that causes it; and the lines in which ready items wait.

No query here asks for an index range that grows with the items waiting: on some servers a limited read costs as much as
the whole range (`chassis/mongo/quirks.py`).
"""

from collections.abc import Iterable, Sequence
from typing import Any
from zlib import crc32

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from chassis.clock import Utc
from chassis.entity import Value
from chassis.unit import Change, View
from chassis.work.item import WorkItem, WorkLine, enqueued_again, group_id, item_id, items_of, line_id, lines_of
from chassis.work.queue import Lane, WorkQueue

KEY_CHARS_MAX = 200
PAYLOAD_BYTES_MAX = 16 * 1024
BLOCK_ITEMS = 64
"""Items of a block on average."""


class NewWork(Value):
    """One thing to be done, for `enqueue_many`. See `enqueue`."""

    key: str
    payload: Struct | None = None
    group: str = ""
    lane: Lane | None = None
    due_utc: Utc | None = None
    orgcode: str | None = None


async def enqueue(
    change: Change,
    queue: WorkQueue[Any],
    key: str,
    payload: Struct | None = None,
    *,
    group: str = "",
    lane: Lane | None = None,
    due_utc: Utc | None = None,
    orgcode: str | None = None,
) -> None:
    """Have something done, once this change is committed.

    key         what is to be done, 1 to 200 characters. One key of an org is one item: while it waits, enqueuing it
                again only replaces its payload; while it runs, it is run once more afterwards, however often it was
                enqueued meanwhile
    group       items of one group are leased together, and by one worker at a time
    lane        priority; the queue's own where left out
    due_utc     not before this time; at once where left out
    orgcode     the org it is done for: the call's where left out, "" for none

    Workers in every process are woken with the commit. Raises ValueError for a key or payload that is too long.
    """
    new = NewWork(key=key, payload=payload, group=group, lane=lane, due_utc=due_utc, orgcode=orgcode)
    await enqueue_many(change, queue, [new])


async def enqueue_many(change: Change, queue: WorkQueue[Any], work: Iterable[NewWork]) -> None:
    """Have many things done; see `enqueue`. A change should enqueue no more than some 200."""
    newer = [_item(change, queue, new) for new in work]
    if not newer:
        return
    lines = {line_id(queue, item.lane, item.orgcode) for item in newer}
    change.prefetch(items_of(queue), [item.item_id for item in newer])
    change.prefetch(lines_of(queue), sorted(lines))
    added = [await _add(change, queue, item) for item in newer]
    if any(added):
        change.wake(queue.name)


async def _add(change: Change, queue: WorkQueue[Any], newer: WorkItem) -> bool:
    """Add an item. False if it was merged into one that waits or runs already."""
    entity = items_of(queue)
    known = await change.get(entity, newer.item_id)
    if known is None:
        await change.insert(entity, await in_line(change, queue, newer) if newer.state == "ready" else newer)
        return True
    again = enqueued_again(known, newer, change.now)
    if again.state == "ready" and (known.state, known.lane) != ("ready", again.lane):
        again = await in_line(change, queue, again)
    await change.update(entity, again)
    return (again.state, again.due_utc) != (known.state, known.due_utc)


async def in_line(change: Change, queue: WorkQueue[Any], item: WorkItem) -> WorkItem:
    """The item at the end of its org's line; the line is made, or looked at again, where it has to be.

    A line is written only now and then: changes that add to it at the same time must not conflict.
    """
    entity, own = lines_of(queue), line_id(queue, item.lane, item.orgcode)
    line = await change.get(entity, own)
    if line is None:
        made: type[WorkLine] = entity.struct
        line = await change.insert(
            entity, made(line_id=own, queue=queue.name, lane=item.lane, orgcode=item.orgcode, next_utc=change.now)
        )
        return replace(item, block=line.tail)
    ends_block = crc32(f"{item.item_id}/{item.generation}/{item.due_utc}".encode()) % BLOCK_ITEMS == 0
    if line.looks or ends_block:
        line = replace(line, tail=line.tail + ends_block)
        if line.looks:
            # Written so that a process which removes the empty line at this moment meets a write conflict.
            line = replace(line, looks=0, next_utc=change.now)
        await change.update(entity, line)
    return replace(item, block=line.tail)


def _item(change: Change, queue: WorkQueue[Any], new: NewWork) -> WorkItem:
    orgcode = new.orgcode if new.orgcode is not None else change.call.caller.orgcode or ""
    if not 0 < len(new.key) <= KEY_CHARS_MAX or len(new.group) > KEY_CHARS_MAX:
        raise ValueError(f"{queue.name}: a key has 1 to {KEY_CHARS_MAX} characters, a group no more: {new.key!r}")
    lane = new.lane or queue.lane_default
    if lane not in queue.lanes:
        raise ValueError(f"{queue.name} has no lane {lane}")
    now = change.now
    is_later = new.due_utc is not None and new.due_utc > now
    made: type[WorkItem] = items_of(queue).struct
    return made(
        item_id=item_id(queue, orgcode, new.key),
        queue=queue.name,
        orgcode=orgcode,
        key=new.key,
        group=group_id(queue, orgcode, new.group),
        lane=lane,
        state="later" if is_later else "ready",
        due_utc=new.due_utc if new.due_utc is not None and is_later else now,
        payload=_text(queue, new.payload),
        traceparent=change.call.traceparent,
        enqueued_utc=now,
    )


def _text(queue: WorkQueue[Any], payload: Struct | None) -> str:
    """A payload as it is kept."""
    if payload is None:
        # Fails where the queue's payload has fields that must be given.
        payload = queue.payload()
    if not isinstance(payload, queue.payload):
        raise TypeError(f"{queue.name} takes {queue.payload.__name__}, not {type(payload).__name__}")
    text = msgspec.json.encode(payload)
    if len(text) > PAYLOAD_BYTES_MAX:
        raise ValueError(
            f"{queue.name}: a payload has at most {PAYLOAD_BYTES_MAX} bytes; keep what is larger elsewhere"
        )
    return text.decode()


async def is_under_way(view: View, queue: WorkQueue[Any], key: str, *, orgcode: str = "") -> bool:
    """Whether this waits or runs; False if it is done, was given up, or was never enqueued."""
    item = await view.get(items_of(queue), item_id(queue, orgcode, key))
    return item is not None and item.state != "dead"


async def back_in_line(change: Change, queue: WorkQueue[Any], items: Sequence[WorkItem]) -> None:
    """Write these items; the ready ones go to the end of their lines."""
    change.prefetch(lines_of(queue), sorted({line_id(queue, item.lane, item.orgcode) for item in items}))
    change.prefetch(items_of(queue), [item.item_id for item in items])
    ready = [item for item in items if item.state == "ready"]
    for item in items:
        await change.update(items_of(queue), await in_line(change, queue, item) if item in ready else item)
    if ready:
        change.wake(queue.name)
