from typing import Any

import pytest

from chassis.clock import Utc
from chassis.errors import Invalid, InvalidState
from services.ops.vacuum.domain import (
    SERVICES,
    CollectionTally,
    VacuumRun,
    added,
    begun,
    cancelled,
    check_phrase,
    completed,
    counted,
    covers,
    is_clean,
    requested,
    summed,
    tally_of,
    with_tally,
)

NOON = Utc("2026-03-01T12:00:00.000Z")
LATER = Utc("2026-03-01T12:05:00.000Z")


def a_vacuum(orgcode: str | None = "ACME0001") -> VacuumRun:
    return requested("v-1", orgcode, "asked to", NOON, 300)


def found(collection: str, count: int) -> CollectionTally:
    return CollectionTally(collection=collection, matched=count, deleted=count)


def clean() -> Any:
    return [summed(name, "completed", []) for name in SERVICES]


def test_a_vacuum_waits_as_long_as_it_is_told() -> None:
    run = a_vacuum()
    assert (run.state, run.execute_after_utc) == ("pending", LATER)
    assert [tally.service for tally in run.services] == list(SERVICES)
    assert SERVICES[-1] == "gateway", "callers hear 503, not 401, until all of it is gone"


@pytest.mark.parametrize(
    ("phrase", "orgcode"), [("VACUUM ORG ACME0001 PERMANENTLY", "ACME0001"), ("VACUUM ALL DATA PERMANENTLY", None)]
)
def test_only_its_own_phrase_confirms_a_vacuum(phrase: str, orgcode: str | None) -> None:
    check_phrase(phrase, orgcode)
    for other in (phrase.lower(), f"{phrase} ", phrase[:-1], ""):
        with pytest.raises(Invalid):
            check_phrase(other, orgcode)


def test_only_a_vacuum_that_has_not_begun_can_be_cancelled() -> None:
    assert cancelled(a_vacuum(), LATER).cancelled_utc == LATER
    for run in (begun(a_vacuum(), LATER), cancelled(a_vacuum(), LATER)):
        with pytest.raises(InvalidState):
            cancelled(run, LATER)


def test_everything_covers_everybody_and_an_org_covers_itself() -> None:
    assert covers(a_vacuum(), "ACME0001")
    assert covers(a_vacuum(), None)
    assert covers(a_vacuum(None), "ACME0001")
    assert not covers(a_vacuum(), "OTHR0001")


def test_what_went_before_a_worker_died_and_what_since_are_added_up() -> None:
    before, since = [found("zones", 3), found("bins", 1)], [found("zones", 2), found("events", 4)]
    tally = summed("ics", "completed", added(before, since))
    assert [(each.collection, each.deleted) for each in tally.collections] == [("bins", 1), ("events", 4), ("zones", 5)]
    assert (tally.matched, tally.deleted) == (10, 10)


def test_a_vacuums_sums_follow_its_services() -> None:
    run = with_tally(a_vacuum(), summed("ics", "running", [found("zones", 3)]))
    run = with_tally(run, summed("pmc", "failed", [found("packs", 4)], "away"))
    assert (run.matched, run.deleted) == (7, 7)
    assert tally_of(run, "pmc").error == "away"
    assert tally_of(run, "slc").state == "pending"


def test_a_vacuum_is_completed_only_with_a_zero_of_every_service() -> None:
    assert is_clean(clean())
    assert not is_clean(clean()[1:])
    assert not is_clean([*clean()[1:], summed("ics", "completed", [found("zones", 1)])])
    assert not is_clean([*clean()[1:], summed("ics", "failed", [], "away")])
    run = begun(a_vacuum(), LATER)
    for tally in clean():
        run = with_tally(run, tally)
    assert completed(run, clean(), LATER).state == "completed"


def test_a_dry_run_is_over_at_once_and_has_deleted_nothing() -> None:
    tally = CollectionTally(collection="zones", matched=3, deleted=0)
    run = counted("v-1", "ACME0001", "how much", NOON, [summed("ics", "completed", [tally])])
    assert (run.state, run.matched, run.deleted, run.completed_utc) == ("completed", 3, 0, NOON)
    assert counted("v-1", None, "r", NOON, [summed("ics", "failed", [], "away")]).state == "failed"
