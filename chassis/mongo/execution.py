"""One run of a handler over a batch's working set: what it has read, written and emitted."""

from typing import Any

from chassis.caller import Call
from chassis.clock import Utc
from chassis.ids import IdSource
from chassis.mongo.key_claims import KeyClaims
from chassis.mongo.limits import LARGE_READS, LARGE_RECORD_ITEMS
from chassis.mongo.long_records import is_large
from chassis.mongo.query import Query
from chassis.mongo.table import Key, Table, Tables, UniqueKey
from chassis.mongo.working_set import (
    ABSENT,
    CollectionState,
    Deferred,
    Heavy,
    LargeRecord,
    Missing,
    PendingReads,
    Slot,
    WorkingSet,
    Written,
)


class Emitted:
    """An event as the handler emitted it."""

    __slots__ = ("body", "org", "revision", "subject", "type")

    def __init__(
        self, event_type: str, subject: str, org: str | None, revision: int | None, body: dict[str, Any]
    ) -> None:
        self.type = event_type
        self.subject = subject
        self.org = org
        self.revision = revision
        self.body = body


class Execution:
    """The state of one run. Reads see its own writes first, then the batch."""

    __slots__ = (
        "asked",
        "call",
        "claims",
        "emits",
        "emitted",
        "events",
        "found",
        "halvings",
        "heavy",
        "held",
        "largest_bite",
        "minted",
        "minted_here",
        "moment",
        "reads",
        "tables",
        "woken",
        "written",
    )

    def __init__(
        self,
        call: Call,
        held: WorkingSet,
        tables: Tables,
        moment: Utc,
        reads: PendingReads,
        *,
        emits: frozenset[str] | None = None,
        careful: bool = False,
        heavy: bool = True,
        halvings: int = 0,
        minted: list[str] | None = None,
    ) -> None:
        self.call = call
        self.held = held
        self.tables = tables
        self.moment = moment
        self.reads = reads
        self.asked = reads.count
        self.emits = emits
        self.claims = KeyClaims(held, reads, careful=careful)
        self.heavy = heavy
        self.found = 0
        self.halvings = halvings
        self.largest_bite = 0
        self.emitted = False
        self.written: dict[tuple[str, str], Written] = {}
        self.events: list[Emitted] = []
        self.woken: set[str] = set()
        self.minted = [] if minted is None else minted
        self.minted_here = 0

    @property
    def now(self) -> Utc:
        """The time of this run. Once read it is fixed: reading a younger record later starts the run again."""
        self.emitted = True
        return self.moment

    def new_id(self, ids: IdSource) -> str:
        """A new id. A repeated run gets the same ids as the run before, so that it asks for the same records."""
        place = self.minted_here
        self.minted_here += 1
        if place == len(self.minted):
            self.minted.append(ids.new(self.now))
        return self.minted[place]

    def get(self, table: Table[Any], record_id: str) -> Any:
        """The record with this id as this run sees it. Raises `Missing` if it is not loaded."""
        if self.written:
            own = self.written.get((table.collection, record_id))
            if own is not None:
                return self._as(table, own)
        assert table.projection is None, f"an excerpt of {table.name} is read by queries alone"
        kept = self.held.collections.get(table.collection)
        slot = kept.slots.get(record_id) if kept is not None else None
        if slot is None:
            self.reads.add_id(table.collection, record_id)
            raise Missing
        if slot.table is table:
            record = slot.record
            if not self.heavy and record is not None and is_large(table, record):
                raise LargeRecord
        else:
            if not self.heavy and slot.document is not None and _has_many_items(slot.document):
                # Before it is decoded.
                raise LargeRecord
            record = slot.record_of(table)
        if record is not None:
            self.saw(table, record)
        return record

    def has(self, table: Table[Any], record_id: str) -> bool:
        """Whether the id is loaded; if not, it is added to the pending reads."""
        if (table.collection, record_id) in self.written:
            return True
        kept = self.held.collections.get(table.collection)
        if kept is not None and record_id in kept.slots:
            return True
        self.reads.add_id(table.collection, record_id)
        if self.reads.count - self.asked > LARGE_READS and not self.heavy:
            # Before the handler asks for thousands more.
            raise Heavy
        return False

    def has_key(self, table: Table[Any], unique: UniqueKey, key: Key) -> bool:
        """Whether the owner of a key is known and loaded; if not, it is added to the pending reads."""
        owner = self.claims.owner(table, unique, key)
        if owner is ABSENT:
            self.reads.add_key(table, unique, key)
            return False
        return owner is None or self.has(table, owner)

    def lookup(self, table: Table[Any], unique: UniqueKey, key: Key) -> Any:
        """The record that holds a key, or None. Raises `Missing` if that is not known."""
        owner = self.claims.owner(table, unique, key)
        if owner is ABSENT:
            self.reads.add_key(table, unique, key)
            raise Missing
        return None if owner is None else self.get(table, owner)

    def find(self, query: Query) -> list[Any]:
        """The result of a query, including this run's own writes."""
        own = [each for each in self.written.values() if each.table.collection == query.collection]
        limit = query.limit + len(own)
        if self.held.is_held_up(query):
            self.reads.add_find(query, limit)
            raise Deferred
        answer = self.held.answers.get(query.key)
        if answer is None or not answer.suffices(limit):
            self.reads.add_find(query, limit)
            raise Missing
        self.found += len(answer.ids)
        if self.found > LARGE_READS and not self.heavy:
            # Before the records are decoded.
            raise Heavy
        kept = self.held.collections.get(query.held_as)
        records = self._records(query, answer.ids, kept)
        if own:
            ours = {each.id for each in own}
            records = [record for record in records if query.table.entity.id_of(record) not in ours]
            fresh = (self._as(query.table, each) for each in own)
            records += [record for record in fresh if record is not None and query.matches(record)]
            records = query.arranged(records)
        for record in records:
            self.saw(query.table, record)
        return records[: query.limit]

    def _records(self, query: Query, ids: list[str], kept: CollectionState | None) -> list[Any]:
        if kept is None:
            return []
        table = query.table
        found = [
            slot.record if slot.table is table else slot.record_of(table) for slot in map(kept.slots.__getitem__, ids)
        ]
        return [record for record in found if record is not None]

    def saw(self, table: Table[Any], record: Any) -> None:
        """Make this run no earlier than the last write of a record it has read."""
        for field in table.moments:
            written = getattr(record, field)
            if written is not None and written > self.moment:
                self.moment = written
                if self.emitted:
                    raise Missing

    def note(self, table: Table[Any], record_id: str, before: Any, record: Any, reason: str | None) -> None:
        """Record a write of this run. `before` is the record as the run found it; the first one stands."""
        self.claims.claim_keys(table, record_id, before, record)
        place = (table.collection, record_id)
        known = self.written.get(place)
        if known is None:
            self.written[place] = Written(table, record_id, before, record, reason)
            return
        known.record = record
        known.table = table
        known.reason = reason or known.reason

    def forget(self) -> None:
        """Drop every write and event of this run; what it has read stays read."""
        self.written.clear()
        self.claims.keys.clear()
        self.events.clear()
        self.woken.clear()

    def remove(self, table: Table[Any], record_id: str, before: Any) -> None:
        """Record a deletion."""
        self.claims.release_id(table, record_id)
        self.note(table, record_id, before, None, None)

    def known(self, table: Table[Any], record_id: str) -> Any:
        """The record with this id if loaded or written here, None if there is none, ABSENT if that is not known."""
        own = self.written.get((table.collection, record_id))
        if own is not None:
            return own.record
        kept = self.held.collections.get(table.collection)
        slot: Slot | None = kept.slots.get(record_id) if kept is not None else None
        if slot is None:
            return ABSENT
        return slot.record if slot.record is not None else slot.document

    def _as(self, table: Table[Any], own: Written) -> Any:
        if own.table is table or own.record is None:
            return own.record
        if table.kind and own.table.kind and table.kind != own.table.kind:
            return None
        return table.decode(own.table.entity.to_document(own.record))


def _has_many_items(document: dict[str, Any]) -> bool:
    return any(type(value) is list and len(value) > LARGE_RECORD_ITEMS for value in document.values())
