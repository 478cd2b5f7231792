"""What may become of an item: pure transitions."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from chassis.clock import later
from chassis.work.item import WorkItem, claimed, continued, delay_seconds, enqueued_again, failed, finished, released
from tests.chassis.work.given import NOON, a_queue


def an_item(**different: object) -> WorkItem:
    base = WorkItem(item_id="q/o/k", queue="q", orgcode="o", key="k", due_utc=NOON, enqueued_utc=NOON)
    return replace(base, **different)


def leased(**different: object) -> WorkItem:
    return replace(claimed(an_item(), "token", "here", later(NOON, 30)), **different)


def test_what_is_enqueued_while_it_waits_takes_the_newest_payload_and_the_higher_lane() -> None:
    again = enqueued_again(an_item(lane="low"), an_item(payload='{"a":1}', lane="high"), NOON)
    assert (again.payload, again.lane, again.generation, again.state) == ('{"a":1}', "high", 2, "ready")


def test_what_is_scheduled_comes_due_at_the_sooner_of_two_times() -> None:
    scheduled = an_item(state="later", due_utc=later(NOON, 60))
    sooner = enqueued_again(scheduled, an_item(state="later", due_utc=later(NOON, 10)), NOON)
    assert (sooner.state, sooner.due_utc) == ("later", later(NOON, 10))
    assert enqueued_again(sooner, an_item(state="later", due_utc=later(NOON, 99)), NOON).due_utc == later(NOON, 10)
    assert enqueued_again(scheduled, an_item(), NOON).state == "ready"


def test_what_waits_after_a_failure_keeps_waiting() -> None:
    waiting = failed(leased(), a_queue(delay_seconds=60), "no", NOON, 1.0)
    again = enqueued_again(waiting, an_item(), NOON)
    assert (again.state, again.due_utc) == ("later", later(NOON, 60))


def test_what_runs_is_run_once_more_however_often_it_was_enqueued() -> None:
    running = leased()
    for _ in range(3):
        running = enqueued_again(running, an_item(payload='{"weight":7}'), NOON)
    assert running.state == "leased"

    next_run = finished(running, NOON)
    assert next_run is not None
    assert (next_run.state, next_run.payload, next_run.progress) == ("ready", '{"weight":7}', None)
    assert finished(claimed(next_run, "other", "here", later(NOON, 30)), NOON) is None


def test_what_is_enqueued_between_two_bites_makes_one_run_more_after_the_last() -> None:
    between = continued(leased(progress="{}"), NOON)
    again = claimed(enqueued_again(between, an_item(), NOON), "t2", "here", later(NOON, 30))
    next_run = finished(again, NOON)
    assert next_run is not None
    assert next_run.progress is None


def test_a_dead_item_comes_back_when_it_is_enqueued_again() -> None:
    dead = failed(leased(attempts=8), a_queue(), "no", NOON, 0.0)
    assert dead.state == "dead"
    back = enqueued_again(dead, an_item(), NOON)
    assert (back.state, back.attempts, back.progress) == ("ready", 0, None)


def test_a_worker_that_was_stopped_costs_no_attempt() -> None:
    assert released(leased(), NOON).attempts == 0
    assert failed(leased(), a_queue(), "no", NOON, 0.0).attempts == 1


@given(st.integers(1, 200), st.floats(0, 1))
def test_delays_double_up_to_their_limit_and_are_spread(attempts: int, jitter: float) -> None:
    queue = a_queue(delay_seconds=2.0, delay_seconds_max=500.0)
    whole = min(500.0, 2.0 * 2 ** (attempts - 1))
    assert whole / 2 <= delay_seconds(queue, attempts, jitter) <= whole
