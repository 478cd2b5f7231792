"""What becomes of rows and jobs when a stage ends."""

from chassis.clock import Utc
from services.slc.audit.domain import FieldChange
from services.slc.job.domain import Reason, SyncJob, new_job, noted, taken
from services.slc.sync.outcome import Ending, poisoned, settled
from services.slc.variant.domain import StoredVariant

NOON = Utc("2026-11-30T12:00:00.000Z")


def a_row() -> StoredVariant:
    return StoredVariant(
        row_id="c1/v1",
        channel_id="c1",
        variant_id="v1",
        included=True,
        sync_state="queued",
        added_utc=NOON,
        added_by="tester",
        added_rank=0,
    )


def a_job(*, inventory_only: bool = True) -> SyncJob:
    return new_job("c1/v1", "j1", Reason(cause="stock", inventory_only=inventory_only), NOON, NOON)


def test_content_that_changes_while_quantities_are_written_is_not_lost() -> None:
    writing = taken(a_job(), NOON, "levels")
    changed, _ = noted(writing, "j2", Reason(cause="product"), NOON, NOON)
    both = taken(changed, NOON, "content")

    done = Ending(variant_id="v1", changes=(FieldChange(field="inventory", before=5, after=3),))
    after = settled(a_row(), both, done, "levels", (5.0,), 0.0, NOON)

    assert after.job is not None
    assert (after.job.state, after.job.wants_content, after.job.changed) == ("running", True, ("inventory",))
    assert not after.is_last
    failed = settled(a_row(), after.job, Ending(variant_id="v1", kind="transient"), "content", (5.0,), 0.0, NOON)
    assert failed.job is not None
    assert (failed.job.state, failed.job.wants_content) == ("retry", True)


def test_poison_is_given_up_at_once() -> None:
    after = settled(a_row(), taken(a_job(), NOON, "levels"), poisoned("v1", "it kills"), "levels", (5.0,), 0.0, NOON)

    assert after.given_up
    assert after.row.sync_state == "quarantined"
    assert after.error is not None
    assert (after.error.code, after.error.message) == ("poison", "it kills")
