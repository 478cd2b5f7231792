"""Records with long lists that a process remembers, so that they are not read and decoded in every call.

Each write of such a record stores a new unique `write_id` with it. A read of a record that is remembered asks for that
id alone; if it is the one remembered, the record is not read again. Decision 0020 has the reasons.
"""

from collections import OrderedDict
from collections.abc import Collection
from threading import Lock
from typing import Any

WRITE_ID = "write_id"
"""The stored field that names the write which stored a record; in records with a long list only."""

ITEMS_KEPT_MAX = 50_000
"""Most items of all remembered records; those that were used least recently are forgotten."""

RECORD_ITEMS_MAX = ITEMS_KEPT_MAX // 4
"""Most items of one remembered record."""


class RememberedRecord:
    """A record as one write stored it: its document until somebody needs it decoded. Never changed otherwise."""

    __slots__ = ("document", "items", "record", "table", "write_id")

    def __init__(self, write_id: str, items: int, document: dict[str, Any] | None, record: Any, table: Any) -> None:
        self.write_id = write_id
        self.items = items
        self.document = document
        self.record = record
        self.table = table

    def decoded(self, record: Any, table: Any) -> None:
        """Keep the decoded record in place of the document."""
        self.record, self.table, self.document = record, table, None


class RememberedRecords:
    """The records with long lists that this process has read or written, by collection and id.

    One that was never committed does no harm: no stored document has its `write_id`. Large operations run in threads,
    so several may use it at once.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[tuple[str, str], RememberedRecord] = OrderedDict()
        self._items = 0

    def among(self, collection: str, ids: Collection[str]) -> list[str]:
        """Those of the ids whose records are remembered."""
        return [each for each in ids if (collection, each) in self._kept] if self._kept else []

    def under(self, collection: str, record_id: str, write_id: str | None) -> RememberedRecord | None:
        """The record as this write stored it, if that is what is remembered."""
        with self._lock:
            known = self._kept.get((collection, record_id))
            if known is None or known.write_id != write_id:
                return None
            self._kept.move_to_end((collection, record_id))
            return known

    def add_read(self, collection: str, document: dict[str, Any]) -> RememberedRecord | None:
        """Remember a document that was read, if it has a long list."""
        write_id = document.get(WRITE_ID)
        if write_id is None:
            return None
        known = self.under(collection, document["_id"], write_id)
        if known is not None:
            return known
        items = sum(len(value) for value in document.values() if type(value) is list)
        return self._add(collection, document["_id"], RememberedRecord(write_id, items, document, None, None))

    def add_written(self, table: Any, record_id: str, write_id: str, record: Any) -> None:
        """Remember a record that is about to be stored; `table`: the engine's table of its entity."""
        self._add(table.collection, record_id, RememberedRecord(write_id, table.items_of(record), None, record, table))

    def _add(self, collection: str, record_id: str, found: RememberedRecord) -> RememberedRecord | None:
        key = (collection, record_id)
        with self._lock:
            self._forget(key)
            if found.items > RECORD_ITEMS_MAX:
                return None
            self._kept[key] = found
            self._items += found.items
            while self._items > ITEMS_KEPT_MAX:
                self._forget(next(iter(self._kept)))
        return found

    def _forget(self, key: tuple[str, str]) -> None:
        known = self._kept.pop(key, None)
        if known is not None:
            self._items -= known.items
