"""The record of a vacuum: what was asked to be deleted, by whom, and how far it came in each service."""

from typing import ClassVar, Literal

from msgspec import field

from chassis.clock import Utc
from chassis.entity import Record, Value
from chassis.values import Count, Id, Name, Orgcode, Reason, Text

ServiceState = Literal["pending", "running", "completed", "failed"]
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


class Vacuum(Record, frozen=True, kw_only=True):
    """One vacuum, of an org or of everything. `orgcode` is the org it empties; the record itself belongs to none."""

    kept: ClassVar[bool] = True

    vacuum_id: Id
    scope: Literal["all", "org"]
    orgcode: Orgcode | None = None  # type: ignore[assignment]  # what is emptied, not where this record belongs
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
