"""Instants and days: one text form, which sorts as time does."""

from datetime import UTC, datetime, timedelta, timezone
from time import time

from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import (
    Date,
    FixedClock,
    SystemClock,
    Utc,
    day_of,
    days_after,
    from_seconds,
    later,
    seconds_between,
    start_of,
    to_datetime,
    to_millis,
    to_seconds,
    utc,
)
from tests.chassis.data_given import NOON

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  made aware


@given(MOMENTS, MOMENTS)
def test_instants_sort_as_text_as_they_do_as_time(first: datetime, second: datetime) -> None:
    def cut(moment: datetime) -> datetime:
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    assert (utc(first) < utc(second)) == (cut(first) < cut(second))
    assert to_datetime(utc(first)) == cut(first)


@given(st.integers(0, 7_258_118_400_000))
def test_milliseconds_come_back_as_they_went(millis: int) -> None:
    assert to_millis(from_seconds(millis / 1000)) == millis


def test_an_instant_is_written_in_utc_wherever_it_was_taken() -> None:
    moment = datetime(2026, 3, 1, 13, 30, tzinfo=timezone(timedelta(hours=1, minutes=30)))
    assert utc(moment) == NOON


def test_instants_move_by_seconds_and_days_by_days() -> None:
    assert later(NOON, 0.25) == "2026-03-01T12:00:00.250Z"
    assert later(NOON, -43_200.001) == "2026-02-28T23:59:59.999Z"
    assert seconds_between(NOON, later(NOON, 90)) == 90
    assert seconds_between(later(NOON, 1), NOON) == -1
    assert day_of(NOON) == "2026-03-01"
    assert days_after(Date("2026-02-28"), 1) == "2026-03-01"
    assert start_of(Date("2026-03-01")) == Utc("2026-03-01T00:00:00.000Z")


def test_the_systems_clock_tells_the_present_and_a_fixed_one_what_it_was_told() -> None:
    before = time()
    told = to_seconds(SystemClock().now())
    assert before - 0.001 <= told <= time()
    clock = FixedClock(NOON)
    assert clock.now() == clock.now() == NOON
    assert clock.advance(60) == clock.now() == "2026-03-01T12:01:00.000Z"
