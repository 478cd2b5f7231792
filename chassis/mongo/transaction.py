"""A running transaction, and how it ends."""

from typing import Any

from pymongo.errors import InvalidOperation, PyMongoError

from chassis.mongo.errors import UnknownCommit, translated


class Transaction:
    """A running transaction; pass it as `session` to the operations that belong to it."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self._open = True

    async def commit(self) -> None:
        """Commit. Raises `UnknownCommit` if the answer was lost; then it may be called again."""
        try:
            await self.session.commit_transaction()
        except PyMongoError as cause:
            if cause.has_error_label("UnknownTransactionCommitResult"):
                raise UnknownCommit(str(cause)) from cause
            raise translated(cause) from cause
        finally:
            self._open = False

    async def abort(self) -> None:
        """Abort. If the server cannot be told, it aborts the transaction by itself."""
        if not self._open:
            return
        self._open = False
        try:
            await self.session.abort_transaction()
        except (PyMongoError, InvalidOperation):
            return
