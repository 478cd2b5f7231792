"""What a batch has loaded and what it has written: one copy of each record, shared by all operations of the batch.

An operation that asks for something not here leaves a note of what it wants and gives up (`Missing`); after the pass
all notes are loaded together. That something does not exist is remembered like anything else.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chassis.errors import Conflict
from chassis.mongo.query import Query
from chassis.mongo.table import Key, Table, UniqueKey

ABSENT: Any = object()


class Missing(BaseException):
    """Something is not loaded yet. Not an Exception, so that no handler catches it."""


class Heavy(BaseException):
    """The operation asks for a transaction beside the shared batch."""


class Deferred(BaseException):
    """A query's answer depends on what a neighbour has written in this batch; the operation waits for the next."""


class UncheckedKey(BaseException):
    """An operation undoes a claim that only the database could have refused; the batch looks before it claims anew."""


class Slot:
    """One id of one collection: the record as the batch sees it now, None when there is none."""

    __slots__ = ("dirty", "document", "kind", "record", "stored", "table")

    def __init__(self, document: dict[str, Any] | None) -> None:
        self.document = document
        self.stored = document is not None
        self.kind = document.get("kind") if document is not None else None
        self.record: Any = None
        self.table: Table[Any] | None = None
        self.dirty = False

    def record_of(self, table: Table[Any]) -> Any:
        """The record, read as one of `table`; None when it is of another kind."""
        if self.table is table:
            return self.record
        if table.kind and self.kind is not None and self.kind != table.kind:
            return None
        if self.document is not None:
            if self.kind is not None:
                # Other entities may read the same document, so it is kept whole.
                record = table.decode(dict(self.document))
                if self.kind == table.kind:
                    self.record, self.table = record, table
                return record
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
    """What a query gave: the ids in order, and how many it was allowed to give."""

    ids: list[str]
    limit: int

    def suffices(self, limit: int) -> bool:
        """Whether it holds all that a query with this limit would give."""
        return self.limit >= limit or len(self.ids) < self.limit


class WrittenValues:
    """The values that records written in this batch had and have, by the fields a query compares."""

    __slots__ = ("_seen", "_sets")

    def __init__(self) -> None:
        self._sets: dict[tuple[str, tuple[str, ...]], set[Key]] = {}
        self._seen: dict[tuple[str, tuple[str, ...]], int] = {}

    def touches(self, query: Query, written: Sequence[Written]) -> bool:
        """Whether a written record was or is among those that a query's equal fields name."""
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
    """What is to be loaded."""

    __slots__ = ("finds", "ids", "keys")

    def __init__(self) -> None:
        self.ids: dict[str, set[str]] = {}
        self.keys: dict[tuple[str, str], tuple[Table[Any], UniqueKey, set[Key]]] = {}
        self.finds: dict[Any, tuple[Query, int]] = {}

    def __bool__(self) -> bool:
        return bool(self.ids or self.keys or self.finds)

    def add_id(self, collection: str, record_id: str) -> None:
        """Ask for an id."""
        self.ids.setdefault(collection, set()).add(record_id)

    def add_key(self, table: Table[Any], unique: UniqueKey, key: Key) -> None:
        """Ask for the record with this key in a unique index."""
        found = self.keys.get((table.collection, unique.name))
        if found is None:
            found = self.keys[(table.collection, unique.name)] = (table, unique, set())
        found[2].add(key)

    def add_find(self, query: Query, limit: int) -> None:
        """Ask a query, for so many records at least."""
        known = self.finds.get(query.key)
        self.finds[query.key] = (query, max(limit, known[1]) if known else limit)

    def add(self, other: "PendingReads") -> None:
        """Ask for all that another asks for."""
        for collection, ids in other.ids.items():
            self.ids.setdefault(collection, set()).update(ids)
        for table, unique, keys in other.keys.values():
            for key in keys:
                self.add_key(table, unique, key)
        for query, limit in other.finds.values():
            self.add_find(query, limit)


class WorkingSet:
    """The records of a batch, with what its operations have done to them so far.

    `assumed` are the ids and keys claimed without having looked whether they are free; the database decides.
    """

    def __init__(self) -> None:
        self.collections: dict[str, CollectionState] = {}
        self.answers: dict[Any, FindResult] = {}
        self.assumed: set[Any] = set()
        self.weight = 0

    def collection_state(self, collection: str) -> CollectionState:
        """The part of a collection."""
        found = self.collections.get(collection)
        if found is None:
            found = self.collections[collection] = CollectionState()
        return found

    def keep(self, collection: str, document: dict[str, Any]) -> str:
        """Take in a document that was read; what the batch knows of it already stays."""
        record_id: str = document["_id"]
        slots = self.collection_state(collection).slots
        if record_id not in slots:
            slots[record_id] = Slot(document)
        return record_id

    def note_absent(self, collection: str, ids: Sequence[str]) -> None:
        """Remember that those of the ids that were not found do not exist."""
        slots = self.collection_state(collection).slots
        for one in ids:
            if one not in slots:
                slots[one] = Slot(None)

    def has_answer(self, query: Query, limit: int) -> bool:
        """Whether a query has been answered, for so many records at least."""
        answer = self.answers.get(query.key)
        return answer is not None and answer.suffices(limit)

    def is_held_up(self, query: Query) -> bool:
        """Whether a neighbour has written what this query may give."""
        kept = self.collections.get(query.collection)
        return kept is not None and bool(kept.written) and kept.images.touches(query, kept.written)

    def merge(self, written: Mapping[Any, Written], keys: Mapping[tuple[str, str, Key], str | None]) -> None:
        """Make an operation's writes visible to those behind it."""
        for each in written.values():
            kept = self.collection_state(each.table.collection)
            slot = kept.slots.get(each.id)
            if slot is None:
                slot = kept.slots[each.id] = Slot(None)
            if not slot.dirty:
                self.weight += 1
            slot.record, slot.table, slot.document, slot.dirty = each.record, each.table, None, True
            slot.kind = each.table.kind or slot.kind
            kept.written.append(each)
        for (collection, name, key), owner in keys.items():
            self.collection_state(collection).keys.setdefault(name, {})[key] = owner


def key_conflict(unique: UniqueKey, table: Table[Any]) -> Conflict:
    """The refusal of a key that is taken."""
    return Conflict(unique.refusal or f"another {table.name.replace('_', ' ')} has this {unique.name}")


def _keys(table: Table[Any], record: Any, fields: Sequence[str]) -> list[Key]:
    values = [table.getter(field)(record) for field in fields]
    return _product([value if isinstance(value, list) else (value,) for value in values])


def _product(choices: Sequence[Sequence[Any]]) -> list[Key]:
    keys: list[Key] = [()]
    for values in choices:
        keys = [(*key, value) for key in keys for value in values]
    return keys
