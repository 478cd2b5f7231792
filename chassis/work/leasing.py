"""Leases on items: claimed, renewed, and ended, each in a change.

Every write that a lease allows looks for the lease's token in the item and writes the item, so that of two workers that
both believe to have it only one can commit. A token is new with each claim: one that has expired never fits again.
"""

from collections.abc import Collection, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.entity import Value
from chassis.errors import Refusal
from chassis.unit import Change, View, between
from chassis.work.item import (
    ASLEEP,
    WorkItem,
    WorkLine,
    abandoned,
    claimed,
    continued,
    failed,
    finished,
    items_of,
    lines_of,
    parked,
    released,
)
from chassis.work.queue import Lane, WorkQueue
from chassis.work.store import back_in_line

LINES_LOOKED_AT_MAX = 32
"""Lines a claim looks at in one lane, beside those of orgs it must pass over."""

EMPTY_LOOKS_SECONDS = (1.0, 5.0, 90.0)
"""When a line that is empty is looked at again before it is removed.

A change that added to it may have read it as it was before: that one commits, or fails, within a minute, the longest
that a transaction may take. Changes that read it later write it.
"""

BLOCKS_AHEAD = (0, 1, 8, 64)
BITE_ITEMS = 200
"""Items that one change queues again."""


class LeaseLost(Refusal):
    """The item is not this worker's any more: whatever else the change was to write is not written."""

    status, tag, reason, retryable = 409, "conflict", "lease_lost", True


class WorkClaim(Value):
    """Items leased together: one, or those of a group."""

    token: str
    items: tuple[WorkItem, ...]

    @property
    def orgcode(self) -> str:
        """The org they are done for; empty for none."""
        return self.items[0].orgcode

    @property
    def ids(self) -> list[str]:
        """Their ids."""
        return [item.item_id for item in self.items]


async def claim(
    change: Change,
    queue: WorkQueue[Any],
    tokens: Sequence[str],
    replica: str,
    *,
    lanes: Sequence[Lane],
    passed_over: Collection[str] = (),
) -> list[WorkClaim]:
    """Lease as many items (or groups) as there are tokens, taking turns over the orgs; those in `passed_over` get none.

    Reads a bounded number of lines and blocks, whatever waits. Indexes: turn, line, group.
    """
    claims: list[WorkClaim] = []
    for lane in lanes:
        if len(claims) == len(tokens):
            break
        where = {"queue": queue.name, "lane": lane, "next_utc": between(at_most=change.now)}
        limit = LINES_LOOKED_AT_MAX + len(passed_over)
        lines = await change.find(lines_of(queue), where, order=["next_utc"], limit=limit)
        lines = [line for line in lines if line.orgcode not in passed_over]
        for place, line in enumerate(lines):
            free = len(tokens) - len(claims)
            if not free:
                break
            # Those behind get their share before this one gets more than that.
            share = max(1, free // (len(lines) - place))
            claims += await _claim_from(change, queue, line, tokens[len(claims) : len(claims) + share], replica)
    return claims


async def lines_ready(view: View, queue: WorkQueue[Any], lane: Lane) -> bool:
    """Whether a line of a lane is to be looked at by a claim. Index: turn."""
    where = {"queue": queue.name, "lane": lane, "next_utc": between(at_most=view.now)}
    return bool(await view.find(lines_of(queue), where, order=["next_utc"], limit=1))


async def _claim_from(
    change: Change, queue: WorkQueue[Any], line: WorkLine, tokens: Sequence[str], replica: str
) -> list[WorkClaim]:
    """Lease from one line, and send it to the end of the turn."""
    ready = await _first_of(change, queue, line, len(tokens))
    claims: list[WorkClaim] = []
    taken: set[str] = set()
    for item in ready:
        if item.item_id in taken:
            continue
        found = await _with_group(change, queue, item)
        taken.update(each.item_id for each in found)
        if found[0].state == "parked":
            for each in found:
                await change.update(items_of(queue), each)
            continue
        token = tokens[len(claims)]
        until = later(change.now, queue.lease_seconds)
        leased = [await change.update(items_of(queue), claimed(each, token, replica, until)) for each in found]
        claims.append(WorkClaim(token=token, items=tuple(leased)))
    if ready:
        head = max(ready[-1].block, 0)
        await change.update(lines_of(queue), replace(line, next_utc=change.now, head=head, looks=0))
    elif line.looks < len(EMPTY_LOOKS_SECONDS):
        next_utc = later(change.now, EMPTY_LOOKS_SECONDS[line.looks])
        await change.update(lines_of(queue), replace(line, next_utc=next_utc, looks=line.looks + 1))
    else:
        await change.delete(lines_of(queue), line)
    return claims


async def _first_of(change: Change, queue: WorkQueue[Any], line: WorkLine, limit: int) -> list[WorkItem]:
    """The first ready items of a line, from as few blocks as possible. Index: line."""
    where = {"queue": queue.name, "lane": line.lane, "orgcode": line.orgcode, "state": "ready"}
    for ahead in BLOCKS_AHEAD:
        if line.head + ahead >= line.tail:
            break
        bounded = {**where, "block": between(at_most=line.head + ahead)}
        if found := await change.find(items_of(queue), bounded, order=["block"], limit=limit):
            return found
    return await change.find(items_of(queue), where, order=["block"], limit=limit)


async def _with_group(change: Change, queue: WorkQueue[Any], item: WorkItem) -> list[WorkItem]:
    """The item with the ready ones of its group; all are parked if another of the group is leased. Index: group."""
    if not item.group:
        return [item]
    entity = items_of(queue)
    leased = await change.find(entity, {"group": item.group, "state": "leased"}, limit=1)
    ready = await change.find(entity, {"group": item.group, "state": "ready"}, limit=queue.group_items_max)
    found = [item, *(each for each in ready if each.item_id != item.item_id)][: queue.group_items_max]
    return [parked(each, leased[0].due_utc) for each in found] if leased else found


async def renew(change: Change, queue: WorkQueue[Any], claims: Sequence[WorkClaim]) -> set[str]:
    """Renew these leases; returns the tokens of those that are still held."""
    entity = items_of(queue)
    known = await change.get_many(entity, [item for each in claims for item in each.ids])
    until = later(change.now, queue.lease_seconds)
    held: set[str] = set()
    for each in claims:
        mine = [item for name in each.ids if (item := known.get(name)) is not None and item.lease == each.token]
        for item in mine:
            await change.update(entity, replace(item, due_utc=until))
        if mine:
            held.add(each.token)
    return held


async def leased_by(change: Change, queue: WorkQueue[Any], token: str, ids: Sequence[str]) -> list[WorkItem]:
    """Those of the items that this lease holds: what its worker has finished by itself is not among them.

    Raises LeaseLost if it holds none. Items leased together are lost together.
    """
    known = await change.get_many(items_of(queue), ids)
    mine = [item for name in ids if (item := known.get(name)) is not None and item.lease == token]
    if not mine:
        raise LeaseLost("this work was given to another worker, or is gone")
    return mine


async def checkpoint(
    change: Change, queue: WorkQueue[Any], token: str, ids: Sequence[str], progress: Any = msgspec.UNSET
) -> None:
    """Guard this change by the lease, renew it, and save progress where it is given."""
    until = later(change.now, queue.lease_seconds)
    text = None if progress is msgspec.UNSET else msgspec.json.encode(progress).decode()
    for item in await leased_by(change, queue, token, ids):
        held = replace(item, due_utc=until)
        if text is not None:
            held = replace(held, progress=text, attempts=0, last_error="")
        await change.update(items_of(queue), held)


async def finish(change: Change, queue: WorkQueue[Any], token: str, ids: Sequence[str]) -> None:
    """These are done: deleted, or ready again if they were enqueued meanwhile."""
    again = []
    items = await leased_by(change, queue, token, ids)
    for item in items:
        left = finished(item, change.now)
        if left is None:
            await change.delete(items_of(queue), item)
        else:
            again.append(left)
    await _after_lease(change, queue, items, again)


async def put_back(
    change: Change, queue: WorkQueue[Any], token: str, ids: Sequence[str], after_seconds: float, *, stopped: bool
) -> None:
    """These are not finished: due again after `after_seconds`. `stopped`: it was not the worker that said so."""
    end = released if stopped else continued
    items = await leased_by(change, queue, token, ids)
    await _after_lease(change, queue, items, [end(item, change.now, after_seconds) for item in items])


async def fail(
    change: Change, queue: WorkQueue[Any], token: str, ids: Sequence[str], error: str, jitter: float, *, give_up: bool
) -> list[WorkItem]:
    """These have failed: due after a growing delay, or dead. The items as they are now."""
    now = change.now
    items = await leased_by(change, queue, token, ids)
    after = [abandoned(item, error, now) if give_up else failed(item, queue, error, now, jitter) for item in items]
    await _after_lease(change, queue, items, after)
    return after


async def _after_lease(
    change: Change, queue: WorkQueue[Any], leased: Sequence[WorkItem], after: Sequence[WorkItem]
) -> None:
    """Write what is left of leased items, and unpark the others of their groups. Index: group."""
    waiting: list[WorkItem] = []
    for group in sorted({item.group for item in leased if item.group}):
        found = await change.find(items_of(queue), {"group": group, "state": "parked"}, limit=queue.group_items_max)
        waiting += [replace(item, state="ready", due_utc=change.now) for item in found]
    await back_in_line(change, queue, [*after, *waiting])


async def due_by(view: View, queue: WorkQueue[Any], state: str, lane: Lane, until: Utc) -> list[WorkItem]:
    """Items whose state ends by itself at `until` or before, the earliest first. Index: due."""
    assert state in ASLEEP, state
    where = {"queue": queue.name, "state": state, "lane": lane, "due_utc": between(at_most=until)}
    return await view.find(items_of(queue), where, order=["due_utc"], limit=BITE_ITEMS)


async def expire_leases_of(change: Change, queue: WorkQueue[Any], replica: str) -> int:
    """Let leases expire now that an earlier process of this name left behind, so that nobody waits for them; how many.

    Two processes of one name lose nothing but time: the fence lets one of them write. Indexes: due, group.
    """
    entity, ended = items_of(queue), 0
    for lane in queue.lanes:
        where = {"queue": queue.name, "state": "leased", "lane": lane}
        found = await change.find(entity, where, order=["due_utc"], limit=BITE_ITEMS)
        mine = [item for item in found if item.replica == replica and item.due_utc > change.now]
        for item in mine:
            await change.update(entity, replace(item, due_utc=change.now))
        ended += len(mine)
        for group in sorted({item.group for item in mine if item.group}):
            parked_there = {"group": group, "state": "parked"}
            for item in await change.find(entity, parked_there, limit=queue.group_items_max):
                await change.update(entity, replace(item, due_utc=change.now))
    return ended


async def wake_due(change: Change, queue: WorkQueue[Any], ids: Sequence[str], jitter: float) -> list[WorkItem]:
    """Queue what is due. An expired lease counts as a failed attempt. Returns the items that became dead."""
    known = await change.get_many(items_of(queue), ids)
    now = change.now
    due = {name: item for name, item in known.items() if item.state in ASLEEP and item.due_utc <= now}
    for item in list(due.values()):
        if item.state == "leased" and item.group:
            together = await change.find(items_of(queue), {"group": item.group, "state": "leased"})
            due.update({each.item_id: each for each in together if each.lease == item.lease})
    items = [_woken(item, queue, now, jitter) for item in due.values()]
    await back_in_line(change, queue, items)
    return [item for item in items if item.state == "dead"]


def _woken(item: WorkItem, queue: WorkQueue[Any], now: Utc, jitter: float) -> WorkItem:
    if item.state != "leased":
        return replace(item, state="ready", due_utc=now)
    lost = f"the lease of {item.replica} expired: its process ended, or was held up"
    return failed(item, queue, lost, now, jitter)
