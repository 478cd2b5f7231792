"""The record of a vacuum: what was asked to be deleted, by whom, and how far it came in each service."""

from typing import ClassVar, Literal

from msgspec import field

from chassis.clock import Utc
from chassis.entity import Record, Value
from chassis.values import Count, Id, Name, Orgcode, Reason, Revision, Text

ServiceState = Literal["pending", "running", "completed", "failed"]
Scope = Literal["all", "org"]
State = Literal["pending", "running", "completed", "cancelled", "failed"]


class CollectionTally(Value, frozen=True, kw_only=True):
    """Records of one collection, found and deleted."""

    collection: Name
    matched: Count
    deleted: Count


class ServiceTally(Value, frozen=True, kw_only=True):
    """How far a service is."""

    service: Name
    state: ServiceState
    collections: list[CollectionTally]
    matched: Count
    deleted: Count
    error: Text | None = None


class VacuumRun(Record, frozen=True, kw_only=True):
    """One vacuum, as it is kept for good: `target` is the org it empties, while the record itself belongs to none."""

    kept: ClassVar[bool] = True

    vacuum_id: Id
    scope: Scope
    target: Orgcode | None = None
    dry_run: bool
    state: State
    reason: Reason
    requested_utc: Utc
    execute_after_utc: Utc
    started_utc: Utc | None = None
    completed_utc: Utc | None = None
    cancelled_utc: Utc | None = None
    services: list[ServiceTally] = field(default_factory=list)
    matched: Count = 0
    deleted: Count = 0


class Vacuum(Value, frozen=True, kw_only=True):
    """One vacuum, as operators see it."""

    vacuum_id: Id
    scope: Scope
    orgcode: Orgcode | None
    dry_run: bool
    state: State
    reason: Reason
    requested_utc: Utc
    execute_after_utc: Utc
    started_utc: Utc | None
    completed_utc: Utc | None
    cancelled_utc: Utc | None
    services: list[ServiceTally]
    matched: Count
    deleted: Count
    revision: Revision


def shown(run: VacuumRun) -> Vacuum:
    """A vacuum as operators see it."""
    told = {name: getattr(run, name) for name in Vacuum.__struct_fields__ if name != "orgcode"}
    return Vacuum(**told, orgcode=run.target)
