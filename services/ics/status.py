"""The one shape of the endpoints that set a status: the request, and what they do with it."""

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from chassis.endpoint import Revised
from chassis.entity import Document, Entity
from chassis.unit import Change
from chassis.values import Reason

R = TypeVar("R", bound=Document)
S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class StatusRequest(Revised, Generic[S]):
    """A new status, and why; a subclass names the object."""

    status: S
    reason: Reason | None = None


class _Asked(Protocol[S_co]):
    @property
    def status(self) -> S_co: ...
    @property
    def reason(self) -> str | None: ...
    @property
    def expected_revision(self) -> int | None: ...


async def with_status(
    change: Change, entity: Entity[R], record_id: str, body: _Asked[S], decide: Callable[[R, S], R]
) -> R:
    """Load the record at the revision the caller has seen, and store what `decide` makes of it; the reason is kept in
    its history. 404, 428 and 409 as for every change; `decide` refuses a status it has already."""
    record = await change.load(entity, record_id, body.expected_revision)
    return await change.update(entity, decide(record, body.status), body.reason)
