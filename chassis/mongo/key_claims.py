"""The ids and unique keys that one run of a handler takes or releases."""

from typing import Any

from chassis.mongo.table import Key, Table, UniqueKey
from chassis.mongo.working_set import ABSENT, Missing, PendingReads, UncheckedKey, WorkingSet, key_conflict


class KeyClaims:
    """What one run has claimed. A `careful` run checks every claim first; others leave unknown ones to the database.

    keys     (collection, index, key) -> the id that holds it after this run, None if it is released
    assumed  ids and keys that were claimed without knowing whether they are free
    """

    __slots__ = ("_careful", "_held", "_reads", "assumed", "keys")

    def __init__(self, held: WorkingSet, reads: PendingReads, *, careful: bool) -> None:
        self._held = held
        self._reads = reads
        self._careful = careful
        self.keys: dict[tuple[str, str, Key], str | None] = {}
        self.assumed: set[Any] = set()

    def owner(self, table: Table[Any], unique: UniqueKey, key: Key) -> Any:
        """The id that holds a key, None if no record does, ABSENT if it is not known."""
        if self.keys:
            found = self.keys.get((table.collection, unique.name, key), ABSENT)
            if found is not ABSENT:
                return found
        kept = self._held.collections.get(table.collection)
        if kept is None:
            return ABSENT
        return kept.keys.get(unique.name, {}).get(key, ABSENT)

    def claim_keys(self, table: Table[Any], record_id: str, before: Any, record: Any) -> None:
        """Claim the record's unique keys and release those it had. Raises `Conflict` if one is taken."""
        if not table.uniques:
            return
        changes: list[tuple[UniqueKey, Key]] = []
        for unique in table.uniques.values():
            old = unique.keys_of(before) if before is not None else ()
            new = unique.keys_of(record) if record is not None else ()
            if old == new:
                continue
            for key in new:
                if key in old:
                    continue
                self._require_free(table, unique, key, record_id)
                changes.append((unique, key))
            for key in old:
                if key not in new:
                    self._release((table.collection, unique.name, key))
                    self.keys[(table.collection, unique.name, key)] = None
        for unique, key in changes:
            self.keys[(table.collection, unique.name, key)] = record_id

    def claim_id(self, table: Table[Any], record_id: str) -> None:
        """Claim an id of which it is not known whether it is free; a careful run reads it first."""
        if self._careful:
            self._reads.add_id(table.collection, record_id)
            raise Missing
        self.assumed.add((table.collection, record_id))

    def release_id(self, table: Table[Any], record_id: str) -> None:
        """Release the id of a record that is deleted."""
        self._release((table.collection, record_id))

    def _require_free(self, table: Table[Any], unique: UniqueKey, key: Key, record_id: str) -> None:
        owner = self.owner(table, unique, key)
        if owner is ABSENT:
            if self._careful:
                self._reads.add_key(table, unique, key)
                raise Missing
            self.assumed.add((table.collection, unique.name, key))
        elif owner is not None and owner != record_id:
            raise key_conflict(unique, table)

    def _release(self, claim: Any) -> None:
        # An unchecked one would never reach the database, so the batch must check it first.
        if claim in self.assumed or claim in self._held.assumed:
            raise UncheckedKey
