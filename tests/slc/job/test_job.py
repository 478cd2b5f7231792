from typing import Any

from msgspec.structs import replace

from chassis.clock import Utc, later
from services.slc.job.domain import (
    DEATHS_MAX,
    Reason,
    SyncJob,
    attempt_failed,
    content_synced,
    ended,
    is_takeable,
    new_job,
    noted,
    put_back,
    taken,
)
from services.slc.sync.taking import SUSPECT_DEATHS, apart
from services.slc.words import SyncError

NOON = Utc("2026-11-30T12:00:00.000Z")
STOCK = Reason(cause="stock", inventory_only=True)
PRODUCT = Reason(cause="product")
FORCED = Reason(cause="forced", forced=True, lane="fast")


def a_job(reason: Reason = PRODUCT) -> SyncJob:
    return new_job("c1/v1", "j1", reason, NOON, NOON)


def note(job: SyncJob, reason: Reason, due: Utc = NOON) -> SyncJob:
    return noted(job, "j2", reason, NOON, due)[0]


def test_a_change_of_stock_concerns_no_content() -> None:
    assert not a_job(STOCK).wants_content
    assert a_job(PRODUCT).wants_content
    assert note(a_job(STOCK), PRODUCT).wants_content


def test_any_number_of_changes_while_a_job_waits_is_one_job() -> None:
    job = a_job()
    for _ in range(1000):
        job, result = noted(job, "j2", STOCK, NOON, later(NOON, 1))
        assert result == "coalesced"

    job = ended(taken(job, NOON), NOON)

    assert job.state == "idle"


def test_a_change_while_a_job_runs_makes_it_due_once_more() -> None:
    job = note(note(taken(a_job(), NOON), STOCK), STOCK)

    after = ended(job, NOON)

    assert (after.state, after.due_utc, after.wants_content) == ("due", NOON, False)
    assert ended(taken(after, NOON), NOON).state == "idle"


def test_content_that_changes_while_quantities_are_synced_is_done_again() -> None:
    job = content_synced(taken(a_job(), NOON), ["price"], NOON)
    assert (job.state, job.wants_content, job.changed) == ("queued", False, ("price",))

    job = ended(note(taken(job, NOON), PRODUCT), NOON)

    assert (job.state, job.wants_content) == ("due", True)


def test_a_forced_job_stays_forced_until_it_has_ended() -> None:
    job = content_synced(taken(a_job(FORCED), NOON), [], NOON)
    assert job.forced

    job = ended(taken(job, NOON), NOON)

    assert not job.forced
    assert not note(job, STOCK).forced


def test_a_failed_attempt_waits_and_only_a_forced_job_cuts_it_short() -> None:
    error = SyncError(code="transient", message="no answer", at_utc=NOON, attempts=1)
    job = attempt_failed(taken(a_job(), NOON), error, 30, NOON)
    assert not is_takeable(job, later(NOON, 29))
    assert is_takeable(job, later(NOON, 30))

    assert note(job, STOCK).due_utc == later(NOON, 30)
    forced = note(job, FORCED)
    assert (forced.state, forced.attempt, forced.due_utc, forced.lane) == ("queued", 0, NOON, "fast")


def test_a_job_whose_worker_vanished_is_taken_again() -> None:
    assert is_takeable(taken(a_job(), NOON), NOON)
    assert not is_takeable(ended(taken(a_job(), NOON), NOON), NOON)
    assert not is_takeable(put_back(taken(a_job(), NOON), later(NOON, 2)), NOON)


def test_a_job_that_costs_five_workers_their_life_in_a_row_is_poison() -> None:
    job = taken(a_job(), NOON)
    for _ in range(DEATHS_MAX):
        assert not job.is_poison
        job = taken(job, NOON)
    assert job.is_poison
    assert not taken(put_back(job, NOON), NOON).is_poison


def test_the_other_stage_takes_a_job_over_without_a_death() -> None:
    job = taken(taken(a_job(), NOON, "levels"), NOON, "content")
    assert (job.stage, job.deaths) == ("content", 0)


def test_a_suspect_is_taken_alone() -> None:
    def pair(deaths: int) -> tuple[Any, SyncJob]:
        return None, replace(taken(a_job(), NOON), deaths=deaths)

    calm, worse, worst = pair(0), pair(SUSPECT_DEATHS), pair(SUSPECT_DEATHS + 1)
    assert apart([calm, worse, worst]) == ([worse], [calm, worst])
    # Beside others that were taken before, suspects wait for the next turn; after a suspect, everybody does.
    assert apart([calm, worse], [calm[1]]) == ([calm], [worse])
    assert apart([calm], [taken(worse[1], NOON)]) == ([], [calm])
