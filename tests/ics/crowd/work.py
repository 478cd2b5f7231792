"""The work of a call, counted: documents its queries return, documents its transactions write."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from chassis.mongo.collection import Collection
from services.ics.ledger.store import ENTRIES, ITEMS, PROMISES
from services.ics.serial.store import SERIALS

COUNTED = (PROMISES.collection, ENTRIES.collection, ITEMS.collection, SERIALS.collection)


class Work:
    """By collection: documents read within a block, and the most that one transaction wrote."""

    def __init__(self) -> None:
        self.read: Counter[str] = Counter()
        self.most_written: Counter[str] = Counter()

    def __repr__(self) -> str:
        return f"read {dict(self.read)}, written at once {dict(self.most_written)}"


@contextmanager
def counted_work() -> Iterator[Work]:
    """Count what is read and written of the ledger within the block, by whomever."""
    work = Work()
    read, write = Collection._read, Collection._write

    async def reads(self: Collection, command: Any, session: Any) -> list[dict[str, Any]]:
        found = await read(self, command, session)
        if self.name in COUNTED:
            work.read[self.name] += len(found)
        return found

    async def writes(self: Collection, verb: Any, field: Any, sent: Sequence[Any], *rest: Any, **named: Any) -> None:
        if self.name in COUNTED:
            work.most_written[self.name] = max(work.most_written[self.name], len(sent))
        await write(self, verb, field, sent, *rest, **named)

    with patch.object(Collection, "_read", reads), patch.object(Collection, "_write", writes):
        yield work
