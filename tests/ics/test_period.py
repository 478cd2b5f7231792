from typing import Any

import pytest

from chassis.clock import Utc, later
from chassis.errors import Invalid
from services.ics.period import period
from tests.ics.given import NOON

DAY = 24 * 3600


def test_a_report_covers_the_thirty_days_before_its_end_unless_told() -> None:
    since = later(NOON, -3 * DAY)
    assert period(None, None, NOON) == ("2026-01-31T12:00:00.000Z", NOON)
    assert period(None, Utc("2026-02-01T00:00:00.000Z"), NOON)[0] == "2026-01-02T00:00:00.000Z"
    assert period(since, None, NOON) == (since, NOON)


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (NOON, NOON),
        (later(NOON, 1), NOON),
        (later(NOON, 1), None),
        (later(NOON, -366 * DAY - 1), NOON),
        (None, "0001-01-01T00:00:00.000Z"),
    ],
)
def test_a_time_that_is_empty_or_too_long_or_has_no_beginning_is_refused(since: Any, until: Any) -> None:
    with pytest.raises(Invalid) as refused:
        period(since, until, NOON)
    assert [field.path for field in refused.value.details["fields"]] == ["to_utc"]


def test_a_report_covers_366_days_at_most() -> None:
    since = later(NOON, -366 * DAY)
    assert period(since, NOON, NOON) == (since, NOON)
