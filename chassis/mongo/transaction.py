"""A running transaction, and how it ends."""

from collections import Counter
from typing import Any

from pymongo.errors import InvalidOperation, PyMongoError

from chassis.mongo.collection_sizes import CollectionSizes
from chassis.mongo.errors import UnknownCommit, translated


class Transaction:
    """A running transaction; pass it as `session` to the operations that belong to it.

    `sizes` is told, once it is committed, by how many documents collections have grown.
    """

    def __init__(self, session: Any, sizes: CollectionSizes) -> None:
        self.session = session
        self._open = True
        self._sizes = sizes
        self._growth: Counter[str] = Counter()
        self._certain = True

    def grew(self, collection: str, documents: int) -> None:
        """Note documents inserted into a collection, or (less than 0) deleted from it."""
        self._growth[collection] += documents

    async def commit(self) -> None:
        """Commit. Raises `UnknownCommit` if the answer was lost; then it may be called again."""
        committed = False
        try:
            await self.session.commit_transaction()
            committed = True
        except PyMongoError as cause:
            if cause.has_error_label("UnknownTransactionCommitResult"):
                raise UnknownCommit(str(cause)) from cause
            raise translated(cause) from cause
        finally:
            self._open = False
            self._certain = self._certain and committed
            self._sizes.changed(self._growth, certain=self._certain)

    async def abort(self) -> None:
        """Abort. If the server cannot be told, it aborts the transaction by itself."""
        if not self._open:
            return
        self._open = False
        try:
            await self.session.abort_transaction()
        except (PyMongoError, InvalidOperation):
            return
