"""Every way a call can be refused.

    Refusal
      ├─ Invalid                 400  validation-error            the caller sent something malformed or missing
      │    ├─ TooLarge           413
      │    ├─ UnsupportedMedia   415
      │    └─ RangeNotSatisfiable 416
      ├─ Unauthorized            401  unauthorized
      ├─ Forbidden               403  forbidden
      ├─ NotFound                404  not-found
      ├─ MethodNotAllowed        405  validation-error
      ├─ Conflict                409  conflict                    a taken code or key
      │    ├─ StaleRevision      409  conflict, revision_conflict
      │    └─ StillRunning       409  conflict, retryable         the first call with this key has not ended
      ├─ InvalidState            409  invalid-state, conflict_state
      │    └─ InsufficientStock  409  invalid-state, insufficient_stock   (declared by the service that has stock)
      ├─ ExpectedRevisionRequired 428 expected-revision-required
      ├─ Throttled               429  throttled, retryable
      ├─ UpstreamFailed          502  upstream-failed, retryable  another system failed
      ├─ MaintenanceActive       503  maintenance-active, retryable
      ├─ Unavailable             503  maintenance-active, retryable       a needed part is down
      └─ InternalError           500  internal-error, retryable   a defect; no detail is shown

A refusal carries the answer to the caller: a message for people, details for programs. It is not caught to be
translated; the service's dialect (see `Dialect`) is applied where the envelope is written.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from msgspec import Struct

from chassis.frozen import Frozen

Dialect = Literal["standard", "catalogue"]
"""The two vocabularies of tags: `standard` (ops, ics) and `catalogue` (pmc, slc, visualgrid), which differ in 400s."""


_CATALOGUE_TAGS = {"validation-error": "invalid-input"}


class FieldProblem(Struct, frozen=True):
    """One thing wrong with one field; `path` is dotted, list places are numbers (`lines.3.quantity`)."""

    path: str
    problem: str


class DatabaseError(Exception):
    """The database failed. `chassis/mongo/errors.py` has its kinds; callers of HTTP and gRPC are answered 503."""


class Refusal(Exception):
    """A call refused on purpose. The caller is answered with it."""

    status: ClassVar[int] = 500
    tag: ClassVar[str] = "internal-error"
    reason: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = details

    def headers(self) -> Mapping[str, str]:
        """HTTP headers of the answer."""
        seconds = self.details.get("retry_after_seconds")
        return {"Retry-After": str(seconds)} if seconds is not None else {}


class Invalid(Refusal):
    """Malformed or missing input; `fields` names each problem."""

    status, tag, reason = 400, "validation-error", "validation_failed"

    def __init__(self, message: str, fields: Sequence[FieldProblem] = (), **details: Any) -> None:
        super().__init__(message, **details)
        if fields:
            self.details["fields"] = list(fields)


def invalid_field(path: str, problem: str) -> Invalid:
    """The refusal of one field."""
    return Invalid(f"{path}: {problem}", [FieldProblem(path, problem)])


def invalid_fields(problems: Sequence[FieldProblem]) -> Invalid:
    """The refusal of several fields at once; its message names the first."""
    first, more = problems[0], len(problems) - 1
    return Invalid(f"{first.path}: {first.problem}{f' (and {more} more)' if more else ''}", problems)


class TooLarge(Invalid):
    """The body is larger than this call takes."""

    status = 413


class UnsupportedMedia(Invalid):
    """The body is not JSON, or is compressed."""

    status = 415


class RangeNotSatisfiable(Invalid):
    """The range asked for lies outside of the content, which has `length` bytes."""

    status = 416

    def __init__(self, length: int) -> None:
        super().__init__(f"the content has {length} bytes")
        self.length = length

    def headers(self) -> Mapping[str, str]:
        return {"Content-Range": f"bytes */{self.length}"}


class MethodNotAllowed(Invalid):
    """The path exists, but not for this method."""

    status = 405

    def __init__(self, message: str, allow: Sequence[str]) -> None:
        super().__init__(message)
        self.allow = tuple(allow)

    def headers(self) -> Mapping[str, str]:
        return {"Allow": ", ".join(self.allow)}


class Unauthorized(Refusal):
    """No credential, or one that is unknown, expired or revoked; the answer does not say which."""

    status, tag, reason = 401, "unauthorized", "unauthorized"

    def headers(self) -> Mapping[str, str]:
        # RFC 9110, 15.5.2: the challenge names the ways to sign in.
        return {"WWW-Authenticate": 'Session realm="retailstack", ApiKey realm="retailstack"'}


class Forbidden(Refusal):
    """A known caller who lacks the role."""

    status, tag, reason = 403, "forbidden", "forbidden"


class NotFound(Refusal):
    """Absent, or not visible to the caller."""

    status, tag, reason = 404, "not-found", "not_found"


class Conflict(Refusal):
    """A code or key that is taken, or a fact that changed meanwhile."""

    status, tag, reason = 409, "conflict", "conflict"


class StaleRevision(Conflict):
    """The expected revision is not the current one."""

    reason = "revision_conflict"

    def __init__(self, current_revision: int) -> None:
        super().__init__(f"the current revision is {current_revision}", current_revision=current_revision)


class StillRunning(Conflict):
    """Another call with the same idempotency key is still running."""

    retryable = True


class InvalidState(Refusal):
    """The state of the object forbids it."""

    status, tag, reason = 409, "invalid-state", "conflict_state"


class ExpectedRevisionRequired(Refusal):
    """The call changes a stored object and must name the revision it has seen."""

    status, tag, reason = 428, "expected-revision-required", "expected_revision_required"

    def __init__(self, current_revision: int) -> None:
        super().__init__("expected_revision is required", current_revision=current_revision)


class Throttled(Refusal):
    """Over the caller's rate."""

    status, tag, reason, retryable = 429, "throttled", "throttled", True

    def __init__(self, message: str, retry_after_seconds: int, **details: Any) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds, **details)


class UpstreamFailed(Refusal):
    """Another system failed or did not answer in time."""

    status, tag, reason, retryable = 502, "upstream-failed", "upstream_failed", True


class MaintenanceActive(Refusal):
    """A maintenance window is active."""

    status, tag, reason, retryable = 503, "maintenance-active", "maintenance_active", True

    def __init__(self, message: str, retry_after_seconds: int, **details: Any) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds, **details)


class Unavailable(MaintenanceActive):
    """A part this call needs is down; trying again later may help."""

    reason = "upstream_failed"

    def __init__(self, message: str, retry_after_seconds: int = 1, **details: Any) -> None:
        super().__init__(message, retry_after_seconds, **details)


class InternalError(Refusal):
    """A defect. The cause is in the log under the request id, never in the answer."""

    retryable = True

    def __init__(self) -> None:
        super().__init__("something went wrong on our side")


class Message(Struct, frozen=True):
    """A text in each language."""

    en_US: str  # noqa: N815  the contract's name


class Major(Struct, frozen=True):
    """The tag of an error and its message for a person."""

    tag: str
    message: Message


class ErrorObject(Frozen, omit_defaults=True):
    """The standard error object of the contract."""

    error_code: str
    http_status: int
    retryable: bool
    major: Major
    details: dict[str, Any] | None = None


def tag_of(refusal: Refusal, dialect: Dialect) -> str:
    """The tag of a refusal in a service's vocabulary."""
    return refusal.tag if dialect == "standard" else _CATALOGUE_TAGS.get(refusal.tag, refusal.tag)


def error_object(
    refusal: Refusal, service: str, dialect: Dialect = "standard", reasons: Mapping[str, str] | None = None
) -> ErrorObject:
    """The error object of a refusal, as this service answers it; `reasons` are those that it spells otherwise."""
    reason = (reasons or {}).get(refusal.reason, refusal.reason)
    return ErrorObject(
        error_code=f"{service}.{reason}",
        http_status=refusal.status,
        retryable=refusal.retryable,
        major=Major(tag_of(refusal, dialect), Message(refusal.message)),
        details=refusal.details or None,
    )
