"""Refusals over gRPC: sent as a status code with the standard error object, and raised again by the client.

The error object is JSON in the trailing metadata. Its tags are those of the standard dialect; the service that answers
the original caller translates them into its own.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

import grpc
import msgspec

from chassis.errors import (
    Conflict,
    ErrorObject,
    ExpectedRevisionRequired,
    Forbidden,
    InternalError,
    Invalid,
    InvalidState,
    MaintenanceActive,
    NotFound,
    Refusal,
    StaleRevision,
    Throttled,
    TooLarge,
    Unauthorized,
    Unavailable,
    UpstreamFailed,
    error_object,
)

ERROR_KEY = "x-error-bin"
"""Trailing metadata key of the error object; `-bin`, because messages may contain non-ASCII text."""

NO_RETRY = ("grpc-retry-pushback-ms", "-1")
"""Sent with every refusal: the channel must not retry what a service refused (gRFC A6)."""

ERROR_BYTES_MAX = 16 * 1024
METADATA_BYTES_MAX = 64 * 1024

_CODES: tuple[tuple[type[Refusal], grpc.StatusCode], ...] = (
    (TooLarge, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (Invalid, grpc.StatusCode.INVALID_ARGUMENT),
    (Unauthorized, grpc.StatusCode.UNAUTHENTICATED),
    (Forbidden, grpc.StatusCode.PERMISSION_DENIED),
    (NotFound, grpc.StatusCode.NOT_FOUND),
    (StaleRevision, grpc.StatusCode.ABORTED),
    (Conflict, grpc.StatusCode.ALREADY_EXISTS),
    (InvalidState, grpc.StatusCode.FAILED_PRECONDITION),
    (ExpectedRevisionRequired, grpc.StatusCode.FAILED_PRECONDITION),
    (Throttled, grpc.StatusCode.RESOURCE_EXHAUSTED),
    (UpstreamFailed, grpc.StatusCode.UNAVAILABLE),
    (MaintenanceActive, grpc.StatusCode.UNAVAILABLE),
)


class PeerUnreachable(Unavailable):
    """A peer did not answer at all."""


def code_of(refusal: Refusal) -> grpc.StatusCode:
    """The gRPC status code for a refusal."""
    for kind, code in _CODES:
        if isinstance(refusal, kind):
            return code
    return grpc.StatusCode.INTERNAL


def trailing_of(refusal: Refusal, service: str) -> tuple[tuple[str, str | bytes], ...]:
    """The trailing metadata for a refusal; details that are too large are left out."""
    error = error_object(refusal, service)
    text = msgspec.json.encode(error)
    if len(text) > ERROR_BYTES_MAX:
        text = msgspec.json.encode(msgspec.structs.replace(error, details=None))
    return ((ERROR_KEY, text), NO_RETRY)


def error_in(metadata: Any) -> ErrorObject | None:
    """The error object in trailing metadata, or None if there is no readable one."""
    for key, value in metadata or ():
        if key == ERROR_KEY:
            try:
                return msgspec.json.decode(value, type=ErrorObject)
            except msgspec.DecodeError:
                return None
    return None


def refusal_of(error: grpc.aio.AioRpcError, peer: str) -> Refusal:
    """The refusal for a failed call: the one its server raised, or one for the transport error."""
    said = error_in(error.trailing_metadata())
    if said is not None:
        return revive(said)
    match error.code():
        case grpc.StatusCode.UNAVAILABLE:
            return PeerUnreachable(f"{peer} can't be reached")
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return PeerUnreachable(f"{peer} did not answer in time")
        case _:
            return InternalError()


def revive(said: ErrorObject) -> Refusal:
    """The refusal for an error object: of its original class, or of the closest one that this process knows."""
    reason = said.error_code.rpartition(".")[2]
    kind = _kind_of(reason, said.major.tag, said.http_status, said.retryable)
    # Bypasses the constructor: each class has its own parameters, and their results are in the error object.
    refusal = kind.__new__(kind)
    Refusal.__init__(refusal, said.major.message.en_US, **(said.details or {}))
    refusal.__cause__ = PeerError(said)
    return refusal


def error_of(refusal: Refusal, service: str) -> ErrorObject:
    """The error object for a refusal: as received from the peer, or as `service` renders it."""
    return refusal.__cause__.error if isinstance(refusal.__cause__, PeerError) else error_object(refusal, service)


class PeerError(Exception):
    """The cause of a refusal that a peer raised: its error object."""

    def __init__(self, error: ErrorObject) -> None:
        super().__init__(error.error_code)
        self.error = error


@cache
def _kind_of(reason: str, tag: str, status: int, retryable: bool) -> type[Refusal]:
    wanted = (reason, tag, status, retryable)
    known = list(_descendants(Refusal))
    for kind in known:
        if (kind.reason, kind.tag, kind.status, kind.retryable) == wanted:
            return kind
    near = next((kind for kind in known if (kind.tag, kind.status) == (tag, status)), Refusal)
    named = {"reason": reason, "tag": tag, "status": status, "retryable": retryable, "__doc__": "PeerError by a peer."}
    return type(near.__name__, (near,), named)


def _descendants(kind: type[Refusal]) -> Iterator[type[Refusal]]:
    for child in kind.__subclasses__():
        yield child
        yield from _descendants(child)
