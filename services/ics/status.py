"""What endpoints that change a record share: setting a status, and giving or clearing fields."""

from collections.abc import Callable, Collection, Mapping
from typing import Generic, Protocol, TypeVar

from chassis.endpoint import Revised
from chassis.entity import Entity, Record
from chassis.unit import Change
from chassis.values import Reason
from services.ics.remarks import remarked

R = TypeVar("R", bound=Record)
S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)


class StatusRequest(Revised, Generic[S]):
    """The new status and an optional reason. A subclass adds the id of the record."""

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
    """Load the record at the caller's expected revision, store the result of `decide`, and return the stored record.

    `decide` gets the record and the new status; it raises `InvalidState` if the record already has that status. The
    reason is stored in the record's remarks and history. Answers 404, 428 or 409 as every change does: the record is
    absent, the expected revision is missing, or it is not the current one.
    """
    record = await change.load(entity, record_id, body.expected_revision)
    decided = remarked(decide(record, body.status), change.call, change.now, body.reason)
    return await change.update(entity, decided, body.reason)


def update_problems(given: Mapping[str, object], clear: Collection[str] | None) -> list[tuple[str, str]]:
    """Problems of a request that changes some fields (None: not given) and clears others: it does neither, or both to
    one field."""
    if clear is None and all(value is None for value in given.values()):
        return [(next(iter(given)), f"at least one of {', '.join(given)} and clear is required")]
    found = [(name, "is given and cleared") for name in given if given[name] is not None and name in (clear or ())]
    if len(set(clear or ())) < len(clear or ()):
        found.append(("clear", "names a field twice"))
    return found
