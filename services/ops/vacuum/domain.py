"""A vacuum: what is deleted, who asked for it and why, its progress in each service, and its states.

    pending ──sweep──→ running ──→ completed
       └──cancel──→ cancelled        (a dry run is completed at once, or failed where a service did not answer)

While it runs, the org (or the stack) is closed: every process asks OPS for closures once a second.
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal

from msgspec import field
from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.entity import Record, Value
from chassis.errors import InvalidState, invalid_field
from chassis.values import Count, Id, Name, Orgcode, Reason, Revision, Text

ServiceState = Literal["pending", "running", "completed", "failed"]
Scope = Literal["all", "org"]
State = Literal["pending", "running", "completed", "cancelled", "failed"]

PHRASE_ALL = "VACUUM ALL DATA PERMANENTLY"
SERVICES = ("ics", "pmc", "slc", "visualgrid", "ops", "gateway")
"""The services in the order they are erased. The directory is last, so callers of the org get 503 until the end."""

OPEN: tuple[State, ...] = ("pending", "running")
ERASED_SECONDS = 35 * 86_400
"""How long messages from before a vacuum may still arrive: longer than retries and dead letters are kept."""

ERROR_LENGTH_MAX = 512


class CollectionTally(Value):
    """Records of one collection, found and deleted."""

    collection: Name
    matched: Count
    deleted: Count


class ServiceTally(Value):
    """The progress in one service."""

    service: Name
    state: ServiceState
    collections: list[CollectionTally]
    matched: Count
    deleted: Count
    error: Text | None = None


class VacuumRun(Record):
    """One vacuum, as stored, for good. `target` is the org to erase; the record itself belongs to no org.

    `certificate` is the closing count of each service, all zero, which proves the erasure. `told` are the services
    whose completion was published, each once.
    """

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
    certificate: list[ServiceTally] = field(default_factory=list)
    told: list[Name] = field(default_factory=list)


class Turn(Record):
    """Written by every request, so that two requests at once conflict and the second is run again."""

    kept: ClassVar[bool] = True

    turn_id: str
    requests: int = 0


class ClosureState(Value):
    """What is being vacuumed, everything or these orgs, and when others were erased lately; "" is everything."""

    all: bool
    orgcodes: tuple[str, ...]
    erased: tuple[tuple[str, str], ...]


def closures_of(under_way: Sequence[VacuumRun], erased: Sequence[VacuumRun]) -> ClosureState:
    """What vacuums under way close, and what those that are done have erased; the latter newest first."""
    # Of an org that was erased twice the last time counts.
    last = {run.target or "": run.completed_utc or "" for run in reversed(erased)}
    return ClosureState(
        all=any(run.scope == "all" for run in under_way),
        orgcodes=tuple(sorted({run.target for run in under_way if run.target is not None})),
        erased=tuple(sorted(last.items())),
    )


class Vacuum(Value):
    """One vacuum, as answered."""

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


def to_answer(run: VacuumRun) -> Vacuum:
    """A vacuum as answered."""
    told = {name: getattr(run, name) for name in Vacuum.__struct_fields__ if name != "orgcode"}
    return Vacuum(**told, orgcode=run.target)


def check_phrase(given: str, orgcode: str | None) -> None:
    """Raises `Invalid` unless the confirmation is exactly the phrase of this vacuum."""
    if given != phrase_of(orgcode):
        raise invalid_field("confirmation_phrase", "differs from the phrase that confirms this vacuum")


def phrase_of(orgcode: str | None) -> str:
    """The phrase that confirms the vacuum of an org, or of everything."""
    return PHRASE_ALL if orgcode is None else f"VACUUM ORG {orgcode} PERMANENTLY"


def requested(vacuum_id: str, orgcode: str | None, reason: str, now: Utc, delay_seconds: float) -> VacuumRun:
    """A new vacuum, pending for a time in which it can be cancelled."""
    return VacuumRun(
        vacuum_id=vacuum_id,
        scope="all" if orgcode is None else "org",
        target=orgcode,
        dry_run=False,
        state="pending",
        reason=reason,
        requested_utc=now,
        execute_after_utc=later(now, delay_seconds),
        services=[waiting(name) for name in SERVICES],
    )


def counted(vacuum_id: str, orgcode: str | None, reason: str, now: Utc, found: Sequence[ServiceTally]) -> VacuumRun:
    """A dry run, completed at once."""
    run = VacuumRun(
        vacuum_id=vacuum_id,
        scope="all" if orgcode is None else "org",
        target=orgcode,
        dry_run=True,
        state="failed" if any(tally.state == "failed" for tally in found) else "completed",
        reason=reason,
        requested_utc=now,
        execute_after_utc=now,
        started_utc=now,
        completed_utc=now,
    )
    return with_tallies(run, found)


def covers(run: VacuumRun, orgcode: str | None) -> bool:
    """Whether a vacuum and one of the org (None: of everything) concern the same records."""
    return run.scope == "all" or orgcode is None or run.target == orgcode


def cancelled(run: VacuumRun, now: Utc) -> VacuumRun:
    """The vacuum, cancelled before its start."""
    if run.state != "pending":
        raise InvalidState(f"the vacuum is {run.state}", state=run.state)
    return replace(run, state="cancelled", cancelled_utc=now)


def begun(run: VacuumRun, now: Utc) -> VacuumRun:
    """The vacuum, running from `now`; the org or the stack is closed from then on."""
    assert run.state == "pending", run.vacuum_id
    return replace(run, state="running", started_utc=now)


def completed(run: VacuumRun, certificate: Sequence[ServiceTally], now: Utc) -> VacuumRun:
    """The vacuum, completed: all services are empty."""
    assert run.state == "running", run.vacuum_id
    assert all(tally.state == "completed" for tally in run.services), run.vacuum_id
    assert is_clean(certificate), run.vacuum_id
    return replace(run, state="completed", completed_utc=now, certificate=list(certificate))


def waiting(service: str) -> ServiceTally:
    """The tally of a service that has not been asked yet."""
    return ServiceTally(service=service, state="pending", collections=[], matched=0, deleted=0)


def tally_of(run: VacuumRun, service: str) -> ServiceTally:
    """The tally of a service."""
    return next((tally for tally in run.services if tally.service == service), waiting(service))


def with_tally(run: VacuumRun, tally: ServiceTally) -> VacuumRun:
    """The vacuum with a new tally of one service."""
    return with_tallies(run, [tally if each.service == tally.service else each for each in run.services])


def with_tallies(run: VacuumRun, tallies: Sequence[ServiceTally]) -> VacuumRun:
    """The vacuum with these tallies, and their sums."""
    return replace(
        run,
        services=list(tallies),
        matched=sum(tally.matched for tally in tallies),
        deleted=sum(tally.deleted for tally in tallies),
    )


def summed(
    service: str, state: ServiceState, collections: Iterable[CollectionTally], error: str | None = None
) -> ServiceTally:
    """The tally of a service from those of its collections."""
    listed = sorted(collections, key=lambda tally: tally.collection)
    return ServiceTally(
        service=service,
        state=state,
        collections=listed,
        matched=sum(tally.matched for tally in listed),
        deleted=sum(tally.deleted for tally in listed),
        error=error[:ERROR_LENGTH_MAX] if error else None,
    )


def added(before: Iterable[CollectionTally], more: Iterable[CollectionTally]) -> list[CollectionTally]:
    """The sum of two tallies of a service's collections: before a worker was interrupted, and since."""
    sums = {tally.collection: tally for tally in before}
    for tally in more:
        known = sums.get(tally.collection)
        if known is not None:
            matched, deleted = known.matched + tally.matched, known.deleted + tally.deleted
            sums[tally.collection] = replace(tally, matched=matched, deleted=deleted)
        else:
            sums[tally.collection] = tally
    return list(sums.values())


def is_clean(certificate: Sequence[ServiceTally]) -> bool:
    """Whether a closing count found no records in any service."""
    return {tally.service for tally in certificate} == set(SERVICES) and not any(
        tally.matched or tally.state != "completed" for tally in certificate
    )
