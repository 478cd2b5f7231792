"""A running transaction, and its two ends."""

from typing import Any

from pymongo.errors import InvalidOperation, PyMongoError

from chassis.mongo.errors import UnknownCommit, translated


class Transaction:
    """A running transaction; pass it as `session` to what shall be part of it."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self._open = True

    async def commit(self) -> None:
        """Make it so: UnknownCommit when the answer was lost, after which it may be called again."""
        try:
            await self.session.commit_transaction()
        except PyMongoError as cause:
            if cause.has_error_label("UnknownTransactionCommitResult"):
                raise UnknownCommit(str(cause)) from cause
            raise translated(cause) from cause
        finally:
            self._open = False

    async def abort(self) -> None:
        """Make it void. That the server cannot be told does not matter: it ends what it hears no more of."""
        if not self._open:
            return
        self._open = False
        try:
            await self.session.abort_transaction()
        except (PyMongoError, InvalidOperation):
            return
