"""A work item and what may become of it; where items and the lines they wait in are kept.

    enqueue ──→ ready ──claim──→ leased ──finish──→ (deleted, or ready again if enqueued meanwhile)
    enqueue(due_utc) ──→ later ──due──→ ready          leased ──continue──→ ready or later
    leased ──failed, or lease expired──→ later         ──too often──→ dead ──retry──→ ready
    ready ──its group is leased──→ parked ──that lease ends──→ ready

`due_utc` says since when an item is ready, when its state ends (later, leased, parked), or when it was given up (dead).

Ready items wait in lines, one for each org, lane and queue, so that claiming can take turns over the orgs. A line is
cut into blocks of some sixty items, and a claim reads only the first blocks that hold any: what it costs does not grow
with what waits. The blocks are an estimate: which item is in which one is of no consequence but for that cost.
"""

from typing import Any, ClassVar, Literal

from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.entity import ONE_SHARD, Document, Entity, index
from chassis.work.queue import LANES, Lane, WorkQueue

State = Literal["ready", "later", "leased", "parked", "dead"]
STATES: tuple[State, ...] = ("ready", "later", "leased", "parked", "dead")
ASLEEP: tuple[State, ...] = ("later", "leased", "parked")
"""States that end by themselves, at `due_utc`."""

ERROR_CHARS_MAX = 1000


class WorkItem(Document):
    """One thing to be done.

    item_id         `<queue>/<orgcode>/<key>`: what is enqueued again is the same item
    orgcode         empty where it belongs to no org
    group           id of its group, empty for none
    block           which part of its line it waits in
    generation      how often it was enqueued; run_generation: as of which one the current run works, 0 between runs
    attempts        runs begun since the last progress
    lease           token of the worker that has it, empty for none
    payload         JSON; progress: JSON that the worker saved, or None
    """

    item_id: str
    queue: str
    orgcode: str
    key: str
    group: str = ""
    lane: Lane = "normal"
    state: State = "ready"
    due_utc: Utc
    block: int = 0
    generation: int = 1
    run_generation: int = 0
    attempts: int = 0
    lease: str = ""
    replica: str = ""
    payload: str = "{}"
    progress: str | None = None
    last_error: str = ""
    traceparent: str | None = None
    enqueued_utc: Utc


class KeptWorkItem(WorkItem):
    """One that a vacuum of everything leaves alone, because it carries it out."""

    kept: ClassVar[bool] = True


class WorkLine(Document):
    """The line of one org in one lane of a queue.

    next_utc    when claims look at it next; the one that has waited longest is served first
    tail        the block that items are added to; head: below it there are few or none
    looks       how often it was found empty in a row; such a line is looked at again a few times before it is removed
    """

    line_id: str
    queue: str
    lane: Lane
    orgcode: str
    next_utc: Utc
    tail: int = 0
    head: int = 0
    looks: int = 0


class KeptWorkLine(WorkLine):
    """The line of items that a vacuum of everything leaves alone."""

    kept: ClassVar[bool] = True


def _items(name: str, struct: type[Any], collection: str) -> Entity[Any]:
    return Entity(
        name,
        struct,
        collection=collection,
        id="item_id",
        shard_key=("orgcode", "queue"),
        indexes=[
            index("queue", "lane", "orgcode", "state", "block", name="line"),
            index("queue", "state", "lane", "due_utc", name="due"),
            index("group", "state", name="group"),
            index("orgcode", "queue", name="org"),
        ],
        org_scoped=False,
        history=False,
        technical=True,
    )


def _lines(name: str, struct: type[Any], collection: str) -> Entity[Any]:
    return Entity(
        name,
        struct,
        collection=collection,
        id="line_id",
        shard_key=ONE_SHARD,
        indexes=[index("queue", "lane", "next_utc", name="turn"), index("orgcode", "queue", name="org")],
        org_scoped=False,
        history=False,
        technical=True,
    )


ITEMS: Entity[WorkItem] = _items("work_item", WorkItem, "work")
LINES: Entity[WorkLine] = _lines("work_line", WorkLine, "work_lines")
KEPT_ITEMS: Entity[WorkItem] = _items("kept_work_item", KeptWorkItem, "work_kept")
KEPT_LINES: Entity[WorkLine] = _lines("kept_work_line", KeptWorkLine, "work_kept_lines")
WORK_ENTITIES = (ITEMS, LINES, KEPT_ITEMS, KEPT_LINES)


def items_of(queue: WorkQueue[Any]) -> Entity[WorkItem]:
    """Where a queue's items are kept."""
    return KEPT_ITEMS if queue.kept else ITEMS


def lines_of(queue: WorkQueue[Any]) -> Entity[WorkLine]:
    """Where a queue's lines are kept."""
    return KEPT_LINES if queue.kept else LINES


def item_id(queue: WorkQueue[Any], orgcode: str, key: str) -> str:
    """The id of an item."""
    return f"{queue.name}/{orgcode}/{key}"


def group_id(queue: WorkQueue[Any], orgcode: str, group: str) -> str:
    """The id of a group; empty for none."""
    return f"{queue.name}/{orgcode}/{group}" if group else ""


def line_id(queue: WorkQueue[Any], lane: Lane, orgcode: str) -> str:
    """The id of a line."""
    return f"{queue.name}/{lane}/{orgcode}"


def enqueued_again(item: WorkItem, newer: WorkItem, now: Utc) -> WorkItem:
    """The item after the same key was enqueued once more: newest payload, sooner due time, higher lane.

    A running item finishes its run and runs once more. One that waits after a failure keeps waiting. A dead one is
    queued again.
    """
    item = replace(
        item,
        generation=item.generation + 1,
        payload=newer.payload,
        traceparent=newer.traceparent,
        group=item.group if item.state == "leased" else newer.group,
        lane=min(item.lane, newer.lane, key=LANES.index),
    )
    if item.state == "dead":
        return replace(fresh(item), state=newer.state, due_utc=newer.due_utc, lane=newer.lane)
    if item.state == "later" and not item.attempts and not item.run_generation:
        due = min(item.due_utc, newer.due_utc)
        return replace(item, state="ready", due_utc=now) if due <= now else replace(item, due_utc=due)
    return item


def fresh(item: WorkItem) -> WorkItem:
    """The item without a trace of earlier runs."""
    return replace(item, run_generation=0, attempts=0, lease="", replica="", progress=None)


def claimed(item: WorkItem, token: str, replica: str, until: Utc) -> WorkItem:
    """The item, leased."""
    return replace(
        item,
        state="leased",
        due_utc=until,
        lease=token,
        replica=replica,
        attempts=item.attempts + 1,
        run_generation=item.run_generation or item.generation,
    )


def parked(item: WorkItem, until: Utc) -> WorkItem:
    """The item, waiting until the lease on its group ends, at the latest until then."""
    return replace(item, state="parked", due_utc=until)


def finished(item: WorkItem, now: Utc) -> WorkItem | None:
    """What is left of an item whose run has ended well: nothing, or a next run if it was enqueued meanwhile."""
    if item.generation == item.run_generation:
        return None
    return replace(fresh(item), state="ready", due_utc=now, last_error="")


def continued(item: WorkItem, now: Utc, after_seconds: float = 0.0) -> WorkItem:
    """The item between two bites of one run, due again after `after_seconds`."""
    waiting = replace(item, lease="", replica="", attempts=0)
    if after_seconds > 0:
        return replace(waiting, state="later", due_utc=later(now, after_seconds))
    return replace(waiting, state="ready", due_utc=now)


def released(item: WorkItem, now: Utc, after_seconds: float = 0.0) -> WorkItem:
    """The item, given back by a worker that was stopped: the attempt is not counted, and its progress is kept."""
    waiting = replace(continued(item, now, after_seconds), attempts=max(0, item.attempts - 1))
    return waiting if item.progress is not None else replace(waiting, run_generation=0)


def failed(item: WorkItem, queue: WorkQueue[Any], error: str, now: Utc, jitter: float) -> WorkItem:
    """The item after a failed attempt: due later, or dead after too many. `jitter` from 0 to 1 spreads the delay."""
    item = replace(item, lease="", replica="", last_error=error[:ERROR_CHARS_MAX])
    if item.attempts >= queue.attempts_max:
        return replace(item, state="dead", due_utc=now)
    if item.progress is None:
        item = replace(item, run_generation=0)
    return replace(item, state="later", due_utc=later(now, delay_seconds(queue, item.attempts, jitter)))


def abandoned(item: WorkItem, error: str, now: Utc) -> WorkItem:
    """The item, given up."""
    return replace(item, state="dead", due_utc=now, lease="", replica="", last_error=error[:ERROR_CHARS_MAX])


def delay_seconds(queue: WorkQueue[Any], attempts: int, jitter: float) -> float:
    """The pause after a number of failed attempts: between half and all of a delay that doubles with each."""
    whole = min(queue.delay_seconds_max, queue.delay_seconds * 2.0 ** min(attempts - 1, 30))
    return whole * (0.5 + jitter / 2)
