"""What callers see of records: by get, and by list under filters. The contract's invariants 28 and 30.

What a list answers is held against all records of the kind, as their gets show them.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from chassis.entity import Record
from tests.ics.histories.kinds import KIND_OF, Kind
from tests.ics.memory import Memory


class Shown:
    """Remembers what answers showed of records, and looks them up as callers do."""

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self._last: dict[tuple[str, str], Record] = {}

    def answered(self, answer: Any) -> None:
        """Remember the records in an answer."""
        for name in getattr(answer, "__struct_fields__", ()):
            shown = getattr(answer, name)
            if name in KIND_OF and shown is not None:
                self._last[name, KIND_OF[name].id_of(shown)] = shown

    def get(self, kind: Kind, record_id: str) -> Any:
        """28: a record by its get, with the fields of the answer that last showed it."""
        handler, request = kind.get
        found = getattr(self.memory.ask(handler, request(**{kind.entity.id: record_id})), kind.name)
        last = self._last.get((kind.name, record_id))
        if last is not None and last.revision == found.revision:
            assert found == last, (found, last)
        assert last is None or last.revision <= found.revision, (found, last)
        return found

    def every(self, kind: Kind) -> list[Any]:
        """All records of a kind, each by its get."""
        return [self.get(kind, kind.entity.id_of(record)) for record in self.memory.all(kind.entity)]

    def walk(self, list_of: tuple[Any, Any], wanted: Mapping[str, Any], limit: int | None = None) -> list[Any]:
        """All items of a list, page by page; the answer's `owed` is held against them."""
        handler, request = list_of
        found: list[Any] = []
        token, owed = None, None
        while True:
            page = self.memory.ask(handler, request(**wanted, limit=limit, next_token=token))
            assert page.count == len(page.items)
            found += page.items
            if token is None:
                owed = getattr(page, "owed", None)
            else:
                assert getattr(page, "owed", None) is None
            token = page.next_token
            if token is None:
                break
        if owed is not None:
            check_owed(owed, found)
        return found

    def look_up(self, kind: Kind, wanted: Mapping[str, Any], limit: int | None = None) -> None:
        """28: a list shows the records that match its filters, each once, as their gets show them."""
        items = self.walk(kind.list, wanted, limit)
        expected = {kind.id_of(record): record for record in self.every(kind) if kind.fits(record, wanted)}
        assert sorted(map(kind.id_of, items)) == sorted(expected), (kind.name, wanted)
        for item in items:
            record = expected[kind.id_of(item)]
            for name in item.__struct_fields__:
                known = len(record.lines) if name == "line_count" else getattr(record, name)
                assert getattr(item, name) == known, (name, item, record)


def check_owed(owed: Sequence[Any], consignments: Sequence[Any]) -> None:
    """30: what is owed in a list is the sum over its consignments, by consignor and currency."""
    due: dict[tuple[str, str], tuple[int, int, Decimal]] = {}
    for kept in consignments:
        assert kept.owed == kept.consumed - kept.settled, kept
        assert Decimal(kept.owed_amount.amount) == kept.owed * Decimal(kept.unit_cost.amount), kept
        if kept.owed:
            key = (kept.consignor_ref, kept.unit_cost.currency)
            number, units, amount = due.get(key, (0, 0, Decimal(0)))
            due[key] = (number + 1, units + kept.owed, amount + Decimal(kept.owed_amount.amount))
    shown = {
        (row.consignor_ref, row.amount.currency): (row.consignments, row.quantity, Decimal(row.amount.amount))
        for row in owed
    }
    assert shown == due
    assert list(shown) == sorted(due)
