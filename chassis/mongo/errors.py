"""Errors of the database, independent of the driver.

DatabaseError
  ├─ DatabaseUnreachable   no server answers; nothing was done
  ├─ Transient             a write conflict or similar: the transaction is void and may be repeated
  ├─ TransactionTooLarge   the transaction is void: it changes more than the server holds in one
  ├─ Duplicate             a unique index already holds a key; the transaction is void
  └─ UnknownCommit         the answer to a commit was lost: it may have happened or not
"""

from collections.abc import Mapping
from typing import Any

from pymongo.errors import (
    BulkWriteError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from chassis.errors import DatabaseError
from chassis.mongo.quirks import VOID_MESSAGE

_DUPLICATE_CODES = frozenset({11000, 11001})
_CONFLICT_CODE = 112
_TOO_LARGE_CODES = frozenset({257, 313, 388, 10334, 17419})
"""TransactionTooLarge, TransactionTooLargeForCache (388, elsewhere 313), BSONObjectTooLarge, an
event log entry over 16 MB."""


_DYING_CODES = frozenset({1, 8, 11, 24, 89, 91, 189, 225, 246, 251, 262, 279, 317, 10107, 11600, 11602, 13435, 13436})
"""What a server says while it stops, starts or hands over: internal and unknown errors, interruptions, no primary, a
transaction or snapshot that is no longer there. The transaction is void; another try may meet a server that works."""


class DatabaseUnreachable(DatabaseError):
    """No server answered in time."""


class Transient(DatabaseError):
    """The transaction is void, and another try may succeed."""


class TransactionTooLarge(DatabaseError):
    """The transaction changes more than the server can hold in one; repeating it fails in the same way."""


class UnknownCommit(DatabaseError):
    """It is not known whether the transaction was committed."""


class Duplicate(DatabaseError):
    """A unique index already holds this key. `pattern` and `key` are the index's fields and the values at fault."""

    def __init__(self, message: str, pattern: Mapping[str, Any], key: Mapping[str, Any]) -> None:
        super().__init__(message)
        self.pattern = dict(pattern)
        self.key = dict(key)


class UnfitServer(Exception):
    """The address is wrong, or the server is too old or cannot run transactions; the start ends here."""


def translated(cause: PyMongoError) -> Exception:
    """Our error for the driver's; the driver's own if there is none."""
    if isinstance(cause, ServerSelectionTimeoutError):
        return DatabaseUnreachable(str(cause))
    if getattr(cause, "code", None) in _TOO_LARGE_CODES:
        return TransactionTooLarge(str(cause))
    if isinstance(cause, BulkWriteError):
        failed = (cause.details or {}).get("writeErrors") or []
        return _write_error(failed[0]) if failed else Transient(str(cause))
    if isinstance(cause, DuplicateKeyError) or getattr(cause, "code", None) in _DUPLICATE_CODES:
        return _write_error({"code": 11000, "errmsg": str(cause), **(getattr(cause, "details", None) or {})})
    if _is_void(cause):
        return Transient(str(cause))
    if isinstance(cause, ExecutionTimeout | WTimeoutError):
        return DatabaseUnreachable(str(cause))
    return cause


def _is_void(cause: PyMongoError) -> bool:
    """Whether the transaction is void for a reason that may be gone at another try."""
    if cause.has_error_label("TransientTransactionError") or isinstance(cause, ConnectionFailure):
        return True
    return isinstance(cause, OperationFailure) and _says_void(cause.code, str(cause))


def _says_void(code: int | None, message: str) -> bool:
    return code == _CONFLICT_CODE or code in _DYING_CODES or VOID_MESSAGE.search(message) is not None


def judge(reply: Mapping[str, Any]) -> None:
    """Raise the error that the reply to a write command reports, if any."""
    if errors := reply.get("writeErrors"):
        raise _write_error(errors[0])
    if trouble := reply.get("writeConcernError"):
        raise DatabaseUnreachable(str(trouble.get("errmsg")))


def _write_error(error: Mapping[str, Any]) -> Exception:
    message = str(error.get("errmsg", "write refused"))
    if error.get("code") in _DUPLICATE_CODES:
        return Duplicate(message, error.get("keyPattern") or {}, error.get("keyValue") or {})
    if error.get("code") in _TOO_LARGE_CODES:
        return TransactionTooLarge(message)
    if _says_void(error.get("code"), message):
        return Transient(message)
    return OperationFailure(message, error.get("code"), dict(error))
