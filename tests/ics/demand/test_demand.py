from datetime import date
from decimal import Decimal
from math import sqrt
from statistics import pstdev

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.clock import Date, days_after
from services.ics.demand.domain import (
    DAYS_LOOKED_AT,
    MONTH_DAYS,
    ShippedMonth,
    cover_of,
    daily,
    month_of,
    months_until,
    trend_of,
    window,
    with_shipped,
)

DAYS = st.dates(min_value=date(2000, 1, 1)).map(lambda day: Date(day.isoformat()))
UNITS = st.integers(0, 10**6)


def a_month(month: str) -> ShippedMonth:
    return ShippedMonth(
        shipped_id=month,
        orgcode="ACME",
        variant_id="V",
        logical_guid="F",
        channel_code="WEB",
        month=month,
        days=[0] * MONTH_DAYS,
    )


@given(DAYS, st.dictionaries(st.integers(-5, 100), UNITS))
def test_each_day_of_the_window_gets_what_was_shipped_on_it(as_of: Date, shipped: dict[int, int]) -> None:
    months: dict[str, ShippedMonth] = {}
    for back, units in shipped.items():
        if back < 0 and as_of > "9999-12-01":
            continue
        day = days_after(as_of, -back)
        month = months.get(month_of(day)) or a_month(month_of(day))
        months[month.month] = with_shipped(month, day, units)
    first, last = months_until(as_of)
    found = daily([month for name, month in months.items() if first <= name <= last], as_of)
    assert found == [shipped.get(back, 0) for back in range(DAYS_LOOKED_AT)]


def test_the_counters_of_facilities_and_channels_add_up() -> None:
    months = [with_shipped(a_month("2026-03"), Date("2026-03-02"), units) for units in (1, 2, 4)]
    assert daily(months, Date("2026-03-03"))[:3] == [0, 7, 0]


@given(st.lists(UNITS, min_size=7, max_size=7))
def test_a_window_says_what_statistics_say(days: list[int]) -> None:
    told = window(days)
    assert told.total == sum(days)
    assert abs(Decimal(told.average_daily) - Decimal(sum(days)) / 7) <= Decimal("0.00005")
    assert float(told.stdev_daily) == pytest.approx(pstdev(days), abs=1e-4)


def test_the_numbers_of_the_first_scenario_come_out() -> None:
    days = [15] + [0] * 89
    told = [window(days[:count]) for count in (7, 28, 90)]
    assert [each.average_daily for each in told] == ["2.1429", "0.5357", "0.1667"]
    assert [each.stdev_daily for each in told] == ["5.2489", "2.7837", "1.5723"]
    assert (cover_of(79, 15), trend_of(15, 15)) == ("147.4667", "rising")
    assert sqrt(15**2 / 7 - (15 / 7) ** 2) == pytest.approx(5.2489, abs=1e-4)


@pytest.mark.parametrize(
    ("week", "month", "trend"),
    [
        (0, 0, "none"),
        (3, 10, "rising"),
        (29, 100, "steady"),
        (2, 10, "falling"),
        (21, 100, "steady"),
        (0, 1, "falling"),
    ],
)
def test_a_trend_is_a_fifth_more_or_less_a_day(week: int, month: int, trend: str) -> None:
    assert trend_of(week, month) == trend


def test_nothing_shipped_covers_no_days_and_nothing_there_covers_none() -> None:
    assert (cover_of(10, 0), cover_of(-3, 28), cover_of(1, 32)) == (None, "0.0000", "0.8750")


def test_a_window_may_begin_before_there_are_days() -> None:
    assert daily([], Date("0001-01-05")) == [0] * DAYS_LOOKED_AT
    assert months_until(Date("0001-01-05")) == ("0001-01", "0001-01")
