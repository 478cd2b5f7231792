from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.outgoing.retries import FailureKind, RetryRules, is_retried, retry_after, wait_before

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
RULES = RetryRules(attempts=4, base_seconds=0.5, wait_seconds_max=3.0)


@given(attempt=st.integers(1, 10), asked=st.integers(0, 10), chance=st.floats(0, 1))
def test_a_wait_is_as_long_as_asked_and_never_too_long(attempt: int, asked: int, chance: float) -> None:
    wait = wait_before(RULES, attempt, {"Retry-After": str(asked)}, NOON, lambda: chance)

    if attempt >= RULES.attempts or asked > RULES.wait_seconds_max:
        assert wait is None
    else:
        assert wait is not None
        assert asked <= wait <= RULES.wait_seconds_max


def test_waits_double_and_are_random_below_their_bound() -> None:
    assert [wait_before(RULES, n, {}, NOON, lambda: 1.0) for n in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, None]
    assert wait_before(RULES, 3, {}, NOON, lambda: 0.25) == 0.5


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("3", 3.0),
        ("0", 0.0),
        ("Thu, 01 Jan 2026 12:00:30 GMT", 30.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("٣", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": text}, NOON) == seconds


@pytest.mark.parametrize(
    ("kind", "idempotent", "again"),
    [
        ("refused", False, True),
        ("broken", False, False),
        ("broken", True, True),
        ("timeout", True, True),
        ("timeout", False, False),
        ("blocked", True, False),
        ("too_large", True, False),
        ("redirect", True, False),
    ],
)
def test_a_call_is_repeated_where_that_does_no_harm(kind: FailureKind, idempotent: bool, again: bool) -> None:
    assert is_retried(kind, idempotent=idempotent) is again
