"""Writing the result of a batch: per collection one insert, one bulk of replacements, one of changes to records with
long lists, one of deletions."""

from typing import Any

from chassis.clock import Utc, to_datetime
from chassis.entity import ONE_SHARD, Document, Entity, expiring
from chassis.ids import IdSource
from chassis.mongo.client import Database
from chassis.mongo.eventlog import EVENTS
from chassis.mongo.long_records import changed_fields, is_long
from chassis.mongo.quirks import Quirks
from chassis.mongo.remembered import WRITE_ID
from chassis.mongo.table import Table
from chassis.mongo.transaction import Transaction
from chassis.mongo.working_set import Slot, WorkingSet, Written

MARK_SECONDS = 24 * 3600


class Mark(Document):
    """A document that proves the commit of a batch, if none of its other writes could."""

    mark_id: str
    at_utc: Utc


MARKS: Entity[Mark] = Entity(
    "mark",
    Mark,
    collection="marks",
    id="mark_id",
    shard_key=ONE_SHARD,
    indexes=[expiring("expires", MARK_SECONDS)],
    derived={"expires": lambda mark: to_datetime(mark.at_utc)},
    org_scoped=False,
    history=False,
    technical=True,
)


class Writes:
    """The writes of a batch by collection, and the document that only this batch can have written."""

    __slots__ = ("changes", "deletes", "events", "inserts", "marker", "replaces")

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.inserts: dict[str, list[dict[str, Any]]] = {}
        self.replaces: dict[str, list[dict[str, Any]]] = {}
        self.changes: dict[str, dict[str, dict[str, Any]]] = {}
        self.deletes: dict[str, list[str]] = {}
        self.events = events
        self.marker: tuple[str, str] = ("", "")

    def __bool__(self) -> bool:
        return bool(self.events or self.inserts or self.replaces or self.changes or self.deletes)


def collect(held: WorkingSet, events: list[dict[str, Any]], ids: IdSource, moment: Utc, quirks: Quirks) -> Writes:
    """The writes of a batch: each record once, in its final state."""
    writes = Writes(_once_per_queue(events))
    for collection, kept in held.collections.items():
        if not kept.written:
            continue
        seen: set[str] = set()
        for each in kept.written:
            if each.id in seen:
                continue
            seen.add(each.id)
            slot = kept.slots[each.id]
            if slot.record is None:
                if slot.stored:
                    writes.deletes.setdefault(collection, []).append(each.id)
                continue
            assert slot.table is not None
            if slot.table.long_list is not None and is_long(slot.table, slot.record):
                _collect_long(writes, held, each, slot, ids.new(moment))
                continue
            document = slot.table.entity.to_document(slot.record)
            stays_taken = quirks.moved_keys_stay_taken and slot.stored and each.table.uniques
            if stays_taken and _moves_key(each.table, each.before, slot.record):
                writes.deletes.setdefault(collection, []).append(each.id)
                writes.inserts.setdefault(collection, []).append(document)
                continue
            (writes.replaces if slot.stored else writes.inserts).setdefault(collection, []).append(document)
    _mark(writes, ids, moment)
    return writes


def _collect_long(writes: Writes, held: WorkingSet, written: Written, slot: Slot, write_id: str) -> None:
    """Add the write of a record with a long list: the items that differ from what is stored, else all of it."""
    table = slot.table
    assert table is not None
    collection = table.collection
    changes = changed_fields(table, written.before, slot.record) if slot.stored else None
    if changes is not None:
        writes.changes.setdefault(collection, {})[written.id] = {**changes, WRITE_ID: write_id}
    else:
        document = {**table.entity.to_document(slot.record), WRITE_ID: write_id}
        (writes.replaces if slot.stored else writes.inserts).setdefault(collection, []).append(document)
    held.remembered.add_written(table, written.id, write_id, slot.record)


async def write(database: Database, transaction: Transaction, writes: Writes) -> None:
    """Send the writes within the transaction. Unique keys are released before they are taken again."""
    for collection, ids in writes.deletes.items():
        await database.collection(collection).remove_many(ids, session=transaction)
    for collection, documents in writes.replaces.items():
        await database.collection(collection).replace_many(documents, session=transaction)
    for collection, changes in writes.changes.items():
        await database.collection(collection).set_fields(changes, session=transaction)
    for collection, documents in writes.inserts.items():
        await database.collection(collection).insert_many(documents, session=transaction)
    if writes.events:
        await database.collection(EVENTS.collection).insert_many(writes.events, session=transaction)


def _once_per_queue(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events, with at most one work message for each queue."""
    queues: set[str] = set()
    kept = []
    for event in events:
        queue = event.get("queue")
        if queue is None or queue not in queues:
            kept.append(event)
        if queue is not None:
            queues.add(queue)
    return kept


def _moves_key(table: Table[Any], before: Any, after: Any) -> bool:
    """Whether a record releases a unique key that it holds in the database."""
    return any(set(unique.keys_of(before)) - set(unique.keys_of(after)) for unique in table.uniques.values())


def _mark(writes: Writes, ids: IdSource, moment: Utc) -> None:
    """Make sure there is a document which only this batch can have written."""
    if writes.events:
        writes.marker = (EVENTS.collection, writes.events[0]["_id"])
    elif writes:
        mark = Mark(mark_id=ids.new(moment), at_utc=moment)
        writes.inserts[MARKS.collection] = [MARKS.to_document(mark)]
        writes.marker = (MARKS.collection, mark.mark_id)
