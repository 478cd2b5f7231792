"""The records that a batch has loaded and written: one copy of each, shared by all operations of the batch.

An operation that reads something not loaded notes it and raises `Missing`; after the pass everything noted is loaded
together. Absent records are remembered as absent.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chassis.errors import Conflict
from chassis.mongo.query import Query
from chassis.mongo.remembered import RememberedRecord, RememberedRecords
from chassis.mongo.table import Key, Table, UniqueKey

ABSENT: Any = object()


class Missing(BaseException):
    """A read is not loaded yet. A `BaseException`, so that handlers do not catch it."""


class Heavy(BaseException):
    """The operation is large, or wants a transaction beside the shared batch."""


class LargeRecord(Heavy):
    """The operation reads a record with a great many items; others that read it too may share its transaction."""


class Deferred(BaseException):
    """The result of a query depends on a write of this batch; the operation is left for the next batch."""


class UncheckedKey(BaseException):
    """An operation released a unique key it had claimed unchecked. The batch restarts and checks keys first."""


class Slot:
    """One id of one collection: the record as the batch sees it now, None if there is none. `remembered`: where the
    process remembers what is stored."""

    __slots__ = ("dirty", "document", "kind", "record", "remembered", "stored", "table")

    def __init__(self, document: dict[str, Any] | None, remembered: RememberedRecord | None = None) -> None:
        self.document = document
        self.stored = document is not None or remembered is not None
        self.kind = document.get("kind") if document is not None else None
        self.record: Any = None
        self.table: Table[Any] | None = None
        self.dirty = False
        self.remembered = remembered
        if remembered is not None:
            # In this order: another thread may be replacing the document by the record.
            self.document = remembered.document
            self.table = remembered.table
            self.record = remembered.record

    def record_of(self, table: Table[Any]) -> Any:
        """The record as one of `table`; None if it is of another kind."""
        if self.table is table:
            return self.record
        if table.kind and self.kind is not None and self.kind != table.kind:
            return None
        if self.document is not None:
            if self.kind is not None:
                # Other entities may read the same document, so it is not changed.
                record = table.decode(dict(self.document))
                if self.kind == table.kind:
                    self.record, self.table = record, table
                return record
            if self.remembered is not None:
                # Others may be decoding the same document.
                self.record, self.table = table.decode(dict(self.document)), table
                self.remembered.decoded(self.record, table)
            else:
                self.record, self.table = table.decode(self.document), table
            self.document = None
            return self.record
        if self.record is None or self.table is None:
            return None
        return table.decode(self.table.entity.to_document(self.record))


class Written:
    """A record as one operation leaves it, and as it found it."""

    __slots__ = ("before", "id", "reason", "record", "table")

    def __init__(self, table: Table[Any], record_id: str, before: Any, record: Any, reason: str | None) -> None:
        self.table = table
        self.id = record_id
        self.before = before
        self.record = record
        self.reason = reason


class FindResult(NamedTuple):
    """The result of a query: the ids in order, and the limit it was run with."""

    ids: list[str]
    limit: int

    def suffices(self, limit: int) -> bool:
        """Whether it contains everything that the query with this limit would return."""
        return self.limit >= limit or len(self.ids) < self.limit


class WrittenValues:
    """Old and new values of the records written in this batch, by the fields that queries compare."""

    __slots__ = ("_seen", "_sets")

    def __init__(self) -> None:
        self._sets: dict[tuple[str, tuple[str, ...]], set[Key]] = {}
        self._seen: dict[tuple[str, tuple[str, ...]], int] = {}

    def touches(self, query: Query, written: Sequence[Written]) -> bool:
        """Whether a written record matched or matches the equal fields of a query."""
        equal = query.equal
        fields = tuple(field for field, _ in equal)
        index = (query.table.name, fields)
        values = self._sets.setdefault(index, set())
        for each in written[self._seen.get(index, 0) :]:
            for image in (each.before, each.record):
                if image is not None:
                    values.update(_keys(each.table, image, fields))
        self._seen[index] = len(written)
        return any(key in values for key in _product([wanted for _, wanted in equal]))


class CollectionState:
    """One collection's part of the working set."""

    __slots__ = ("images", "keys", "slots", "written")

    def __init__(self) -> None:
        self.slots: dict[str, Slot] = {}
        self.keys: dict[str, dict[Key, str | None]] = {}
        self.written: list[Written] = []
        self.images = WrittenValues()


class PendingReads:
    """The reads to load. `count` is how many were added, repeated ones included."""

    __slots__ = ("count", "finds", "ids", "keys")

    def __init__(self) -> None:
        self.count = 0
        self.ids: dict[str, set[str]] = {}
        self.keys: dict[tuple[str, str], tuple[Table[Any], UniqueKey, set[Key]]] = {}
        self.finds: dict[Any, tuple[Query, int]] = {}

    def __bool__(self) -> bool:
        return bool(self.ids or self.keys or self.finds)

    def add_id(self, collection: str, record_id: str) -> None:
        """Add an id."""
        self.count += 1
        self.ids.setdefault(collection, set()).add(record_id)

    def add_key(self, table: Table[Any], unique: UniqueKey, key: Key) -> None:
        """Add a key of a unique index."""
        self.count += 1
        found = self.keys.get((table.collection, unique.name))
        if found is None:
            found = self.keys[(table.collection, unique.name)] = (table, unique, set())
        found[2].add(key)

    def add_find(self, query: Query, limit: int) -> None:
        """Add a query for at least `limit` records."""
        known = self.finds.get(query.key)
        self.finds[query.key] = (query, max(limit, known[1]) if known else limit)

    def add(self, other: "PendingReads") -> None:
        """Add everything of another."""
        for collection, ids in other.ids.items():
            self.ids.setdefault(collection, set()).update(ids)
        for table, unique, keys in other.keys.values():
            for key in keys:
                self.add_key(table, unique, key)
        for query, limit in other.finds.values():
            self.add_find(query, limit)


class WorkingSet:
    """The records of a batch, with the writes of its operations so far.

    `assumed` are ids and keys that were claimed without checking whether they are free; the database checks them.
    `loaded` counts the documents read; `documents` and `bytes` (estimated) say how much is to be written. `remembered`
    outlasts the batch.
    """

    def __init__(self, remembered: RememberedRecords | None = None) -> None:
        self.remembered = remembered or RememberedRecords()
        self.collections: dict[str, CollectionState] = {}
        self.answers: dict[Any, FindResult] = {}
        self.assumed: set[Any] = set()
        self.documents = 0
        self.bytes = 0
        self.loaded = 0

    def collection_state(self, collection: str) -> CollectionState:
        """The part for one collection."""
        found = self.collections.get(collection)
        if found is None:
            found = self.collections[collection] = CollectionState()
        return found

    def keep(self, collection: str, document: dict[str, Any]) -> str:
        """Add a document that was read, unless the batch has it already."""
        record_id: str = document["_id"]
        slots = self.collection_state(collection).slots
        if record_id not in slots:
            slots[record_id] = Slot(document, self.remembered.add_read(collection, document))
            self.loaded += 1
        return record_id

    def keep_remembered(self, collection: str, record_id: str, write_id: str | None) -> bool:
        """Add a record that the process remembers as this write stored it; whether it does."""
        found = self.remembered.under(collection, record_id, write_id)
        if found is not None:
            self.collection_state(collection).slots.setdefault(record_id, Slot(None, found))
        return found is not None

    def note_absent(self, collection: str, ids: Sequence[str]) -> None:
        """Remember the ids that were not found as absent."""
        slots = self.collection_state(collection).slots
        for one in ids:
            if one not in slots:
                slots[one] = Slot(None)

    def has_answer(self, query: Query, limit: int) -> bool:
        """Whether the result of a query is known, for at least `limit` records."""
        answer = self.answers.get(query.key)
        return answer is not None and answer.suffices(limit)

    def is_held_up(self, query: Query) -> bool:
        """Whether an operation of this batch has written a record that the query may return."""
        kept = self.collections.get(query.collection)
        return kept is not None and bool(kept.written) and kept.images.touches(query, kept.written)

    def merge(self, written: Mapping[Any, Written], keys: Mapping[tuple[str, str, Key], str | None]) -> None:
        """Make an operation's writes visible to the following ones."""
        for each in written.values():
            kept = self.collection_state(each.table.collection)
            slot = kept.slots.get(each.id)
            if slot is None:
                slot = kept.slots[each.id] = Slot(None)
            if not slot.dirty:
                self.documents += 1
            slot.record, slot.table, slot.document, slot.dirty = each.record, each.table, None, True
            slot.kind = each.table.kind or slot.kind
            kept.written.append(each)
        for (collection, name, key), owner in keys.items():
            self.collection_state(collection).keys.setdefault(name, {})[key] = owner


def key_conflict(unique: UniqueKey, table: Table[Any]) -> Conflict:
    """The refusal of a unique key that is taken."""
    return Conflict(unique.refusal or f"another {table.name.replace('_', ' ')} has this {unique.name}")


def _keys(table: Table[Any], record: Any, fields: Sequence[str]) -> list[Key]:
    values = [table.getter(field)(record) for field in fields]
    return _product([value if isinstance(value, list) else (value,) for value in values])


def _product(choices: Sequence[Sequence[Any]]) -> list[Key]:
    keys: list[Key] = [()]
    for values in choices:
        keys = [(*key, value) for key in keys for value in values]
    return keys
