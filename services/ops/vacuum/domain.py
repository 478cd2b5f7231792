"""A vacuum: what was asked to be deleted, by whom and why, how far it came in each service, and what it may become.

    pending ──sweep──→ running ──→ completed
       └──cancel──→ cancelled        (a dry run is completed at once, or failed where a service did not answer)

While it runs, what it empties is closed: every process asks OPS for that, once a second.
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
"""Who is emptied, in this order: the directory goes last, so that an org's callers hear 503 until all of it is gone."""

OPEN: tuple[State, ...] = ("pending", "running")
ERASED_SECONDS = 35 * 86_400
"""How long news from before a vacuum may still turn up: longer than dead letters and retries are kept."""

ERROR_LENGTH_MAX = 512


class CollectionTally(Value):
    """Records of one collection, found and deleted."""

    collection: Name
    matched: Count
    deleted: Count


class ServiceTally(Value):
    """How far a service is."""

    service: Name
    state: ServiceState
    collections: list[CollectionTally]
    matched: Count
    deleted: Count
    error: Text | None = None


class VacuumRun(Record):
    """One vacuum, as it is kept for good: `target` is the org it empties, while the record itself belongs to none.

    `certificate` is the closing count of each service, all zeroes: what proves the erasure. `told` are the services
    whose end was told to others, each once.
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
    """Written by every request, so that of two that exclude each other, in whichever replicas, one sees the other."""

    kept: ClassVar[bool] = True

    turn_id: str
    requests: int = 0


class Vacuum(Value):
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


def to_answer(run: VacuumRun) -> Vacuum:
    """A vacuum as operators see it."""
    told = {name: getattr(run, name) for name in Vacuum.__struct_fields__ if name != "orgcode"}
    return Vacuum(**told, orgcode=run.target)


def check_phrase(given: str, orgcode: str | None) -> None:
    """Refuse a confirmation that is not, letter by letter, the phrase of this vacuum."""
    if given != phrase_of(orgcode):
        raise invalid_field("confirmation_phrase", "differs from the phrase that confirms this vacuum")


def phrase_of(orgcode: str | None) -> str:
    """What confirms the vacuum of an org, or of everything."""
    return PHRASE_ALL if orgcode is None else f"VACUUM ORG {orgcode} PERMANENTLY"


def requested(vacuum_id: str, orgcode: str | None, reason: str, now: Utc, delay_seconds: float) -> VacuumRun:
    """A vacuum that waits, so that it can be thought better of."""
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
    """A dry run: over as soon as it was asked for."""
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
    """Whether a vacuum and one of the org (None: of everything) touch the same records."""
    return run.scope == "all" or orgcode is None or run.target == orgcode


def cancelled(run: VacuumRun, now: Utc) -> VacuumRun:
    """The vacuum, stopped before it began."""
    if run.state != "pending":
        raise InvalidState(f"the vacuum is {run.state}", state=run.state)
    return replace(run, state="cancelled", cancelled_utc=now)


def begun(run: VacuumRun, now: Utc) -> VacuumRun:
    """The vacuum, running from now on: what it empties is closed."""
    assert run.state == "pending", run.vacuum_id
    return replace(run, state="running", started_utc=now)


def completed(run: VacuumRun, certificate: Sequence[ServiceTally], now: Utc) -> VacuumRun:
    """The vacuum at its end; only one whose services are all empty gets there."""
    assert run.state == "running", run.vacuum_id
    assert all(tally.state == "completed" for tally in run.services), run.vacuum_id
    assert is_clean(certificate), run.vacuum_id
    return replace(run, state="completed", completed_utc=now, certificate=list(certificate))


def waiting(service: str) -> ServiceTally:
    """A service nothing was asked of yet."""
    return ServiceTally(service=service, state="pending", collections=[], matched=0, deleted=0)


def tally_of(run: VacuumRun, service: str) -> ServiceTally:
    """How far a service is in this vacuum."""
    return next((tally for tally in run.services if tally.service == service), waiting(service))


def with_tally(run: VacuumRun, tally: ServiceTally) -> VacuumRun:
    """The vacuum with news of one service."""
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
    """A service's tally, made of those of its collections."""
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
    """Two tallies of a service's collections as one: what went before a worker died, and what since."""
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
    """Whether a closing count found nothing, in every service."""
    return {tally.service for tally in certificate} == set(SERVICES) and not any(
        tally.matched or tally.state != "completed" for tally in certificate
    )
