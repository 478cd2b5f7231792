"""The manifest of a run: JSON Lines in parts of 1 000, stored as objects.

A part's object is written before it is recorded, under the same key and with the same bytes however often that is
tried, so a crash between the two does no harm.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence

import msgspec
from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Utc
from chassis.unit import Change, Units, View
from services.pmc.objects.port import ObjectStore, part_key
from services.pmc.run.current import current_run
from services.pmc.run.domain import StoredRun, due_lines, with_lines, with_part
from services.pmc.run.ending import ended
from services.pmc.run.manifest_records import ManifestPart, RunItem, StoredPart
from services.pmc.run.store import PARTS, RUNS, lines_of, part_id_of

CONTENT_TYPE = "application/x-ndjson"
DOWNLOAD_SECONDS = 15 * 60

PART_EVENTS = ("pmc.run.completed",)


def encoded(items: Sequence[RunItem]) -> bytes:
    """The bytes of a part: a line each, with a newline behind it."""
    return b"".join(msgspec.json.encode(item.line) + b"\n" for item in items)


def to_answer(part: StoredPart) -> ManifestPart:
    """The part as callers see it."""
    return ManifestPart(
        run_id=part.run_id,
        part=part.part,
        lines=part.lines,
        bytes=part.bytes,
        sha256=part.sha256,
        content_type="application/x-ndjson",
        created_utc=part.created_utc,
    )


async def store_due_parts(units: Units, call: Call, store: ObjectStore, run: StoredRun, *, at_most: int) -> StoredRun:
    """Store at most `at_most` of the parts that are due; with the last one the run completes. Raises `StoreDown`."""
    for _ in range(at_most):
        lines = due_lines(run)
        if not lines or run.status != "running":
            break
        run = await _store_part(units, call, store, run, lines)
    return run


async def end_early(
    units: Units,
    call: Call,
    store: ObjectStore,
    run: StoredRun,
    end: Callable[[StoredRun, Utc], StoredRun],
    emits: Collection[str],
) -> StoredRun:
    """End a run as `end` says, with all its lines stored; it may turn out to be completed.

    The part of the lines that wait is recorded in the transaction that ends the run: a run that goes on has full parts.
    Raises `StoreDown`, and where another call has changed the run `StaleRevision` or `InvalidState`.
    """
    run = await store_due_parts(units, call, store, run, at_most=2)
    if run.status == "completed":
        return run
    waiting = run.processed - run.manifest_lines
    part = await _put_part(units, call, store, run, waiting, closing=True) if waiting else None

    async def write(change: Change) -> StoredRun:
        current = await current_run(change, run)
        after = current
        if part is not None:
            await change.insert(PARTS, replace(part, created_utc=change.now))
            after = with_lines(current, waiting)
        return await ended(change, current, end(after, change.now))

    return await units.change(call, write, emits=emits)


async def _store_part(units: Units, call: Call, store: ObjectStore, run: StoredRun, lines: int) -> StoredRun:
    part = await _put_part(units, call, store, run, lines)

    async def record(change: Change) -> StoredRun:
        current = await change.load(RUNS, run.run_id)
        if current.manifest_parts != run.manifest_parts or current.status != "running":
            return current
        await change.insert(PARTS, replace(part, created_utc=change.now))
        return await ended(change, current, with_part(current, lines, change.now))

    return await units.change(call, record, emits=PART_EVENTS)


async def _put_part(
    units: Units, call: Call, store: ObjectStore, run: StoredRun, lines: int, *, closing: bool = False
) -> StoredPart:
    """Store the object of the run's next part, and give the part to be recorded."""

    async def read(view: View) -> list[RunItem]:
        return await lines_of(view, run.run_id, run.manifest_lines + 1, lines)

    items = await units.view(call, read)
    assert len(items) == lines, f"{run.run_id} has {len(items)} of {lines} lines"
    data = encoded(items)
    number = run.manifest_parts + 1
    key = part_key(run.orgcode, run.run_id, number, lines if closing else None)
    await store.put(key, data, CONTENT_TYPE)
    return StoredPart(
        part_id=part_id_of(run.run_id, number),
        run_id=run.run_id,
        part=number,
        lines=lines,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
        created_utc=call.started_utc,
        object_key=key,
    )
