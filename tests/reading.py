"""What reads cost: how many queries a block sends, and how many documents lie in the ranges that they read.

The embedded engine reads the whole range of a query, whatever its limit, so its cost is that of the documents in it.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any
from unittest.mock import patch

from chassis.mongo.client import Database
from chassis.mongo.query_shapes import RECORDER


class Reads:
    """The queries of a block: collection and filter of each."""

    def __init__(self) -> None:
        self.filters: list[tuple[str, Mapping[str, Any]]] = []

    @property
    def queries(self) -> int:
        """How many queries were sent."""
        return len(self.filters)

    async def documents(self, database: Database) -> int:
        """How many documents lie in the ranges of all queries, as the database is now."""
        counts = [await database.collection(name).count(where) for name, where in self.filters]
        return sum(counts)


@asynccontextmanager
async def reads_of(*collections: str) -> AsyncIterator[Reads]:
    """Note the queries that are sent to these collections within the block."""
    reads = Reads()
    note = RECORDER.note

    def spy(collection: str, where: Mapping[str, Any], order: Sequence[tuple[str, int]] = ()) -> None:
        note(collection, where, order)
        if collection in collections:
            reads.filters.append((collection, dict(where)))

    with patch.object(RECORDER, "note", spy):
        yield reads
