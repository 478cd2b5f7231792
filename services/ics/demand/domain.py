"""Demand signals: the daily rate at which a variant is shipped to customers. Pure.

Shipped units are counted by UTC day of recording, in one record per month (`ShippedMonth`). A window of n days ends
with the day of the signal, included:

    average_daily = total / n                  stdev_daily = sqrt(sum of d² / n - (total / n)²), over all n days
    days_of_cover = max(0, available) / (total of 28 days / 28)

Results are rounded once, at the end: four decimal places, half up.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal, localcontext
from typing import Annotated, Literal

from msgspec import Meta
from msgspec.structs import replace

from chassis.clock import Date as Day
from chassis.entity import Document, Record, Value
from chassis.values import Code, Count, Date, Guid, Id, Utc
from services.ics.decimals import FIGURE_DIGITS, ratio, rounded

Trend = Literal["rising", "steady", "falling", "none"]

WINDOWS = (7, 28, 90)
DAYS_LOOKED_AT = max(WINDOWS)
MONTH_DAYS = 31

Decimal4 = Annotated[str, Meta(pattern=r"^[0-9]+\.[0-9]{4}$")]


class ShippedMonth(Document):
    """Units of a variant shipped from a facility to customers of a channel, by day of one month (`2026-03`)."""

    shipped_id: str
    orgcode: str
    variant_id: str
    logical_guid: str
    channel_code: str
    month: str
    days: list[int]


class DemandWindow(Value):
    """Units shipped in a window of `days` days: total, daily average and standard deviation."""

    days: Annotated[int, Meta(ge=7, le=90)]
    total: Count
    average_daily: Decimal4
    stdev_daily: Decimal4


class DemandSignal(Record):
    """The demand for a variant in a scope; `logical_guid` or `channel_code` None: all facilities or channels."""

    signal_id: Id
    variant_id: Guid
    logical_guid: Guid | None
    channel_code: Code | None
    as_of_date: Date
    windows: Annotated[list[DemandWindow], Meta(min_length=3, max_length=3)]
    available: int
    days_of_cover: Decimal4 | None
    trend: Trend
    computed_utc: Utc


def month_of(day: Day) -> str:
    """The month of a day (`2026-03`)."""
    return day[:7]


def months_until(as_of: Day) -> tuple[str, str]:
    """The first and last month of the longest window that ends with `as_of`."""
    return month_of(_back(as_of, DAYS_LOOKED_AT - 1)), month_of(as_of)


def _back(day: Day, days: int) -> Day:
    """The day `days` days earlier, but not before 0001-01-01."""
    return Day(date.fromordinal(max(1, date.fromisoformat(day).toordinal() - days)).isoformat())


def with_shipped(month: ShippedMonth, day: Day, units: int) -> ShippedMonth:
    """The month with `units` added to the day."""
    days = list(month.days)
    days[date.fromisoformat(day).day - 1] += units
    return replace(month, days=days)


def daily(months: Iterable[ShippedMonth], as_of: Day) -> list[int]:
    """Units shipped on each day of the longest window, the latest day first."""
    by_month: dict[str, list[int]] = {}
    for each in months:
        known = by_month.setdefault(each.month, [0] * MONTH_DAYS)
        by_month[each.month] = [one + other for one, other in zip(known, each.days, strict=True)]
    days = (_back(as_of, back) for back in range(DAYS_LOOKED_AT))
    return [_units_on(by_month, day) for day in days]


def _units_on(by_month: Mapping[str, Sequence[int]], day: Day) -> int:
    month = by_month.get(month_of(day))
    return month[date.fromisoformat(day).day - 1] if month is not None else 0


def window(days: Sequence[int]) -> DemandWindow:
    """The window over these daily units."""
    count, total = len(days), sum(days)
    return DemandWindow(days=count, total=total, average_daily=ratio(total, count), stdev_daily=_deviation(days, total))


def _deviation(days: Sequence[int], total: int) -> str:
    # √(Σd²/n - (total/n)²) = √(n·Σd² - total²) / n: whole numbers below the root, so no digits are lost.
    count = len(days)
    with localcontext(prec=FIGURE_DIGITS):
        root = Decimal(count * sum(units * units for units in days) - total * total).sqrt()
        return rounded(root / count)


def trend_of(week: int, month: int) -> Trend:
    """The trend of the daily average of 7 days (`week` units) against 28 days (`month` units): at least 20 % above is
    rising, at least 20 % below is falling. None shipped in 28 days: `none`.
    """
    if month == 0:
        return "none"
    if 10 * week >= 3 * month:
        return "rising"
    return "falling" if 5 * week <= month else "steady"


def cover_of(available: int, month: int) -> str | None:
    """Days that `available` units last at the rate of the last 28 days; None if nothing was shipped in them."""
    return ratio(max(0, available) * 28, month) if month else None


def computed(signal: DemandSignal, days: Sequence[int], available: int, as_of: Day, now: Utc) -> DemandSignal:
    """The signal computed anew from the daily units, latest day first."""
    windows = [window(days[:count]) for count in WINDOWS]
    week, month, _ = (each.total for each in windows)
    return replace(
        signal,
        as_of_date=as_of,
        windows=windows,
        available=available,
        days_of_cover=cover_of(available, month),
        trend=trend_of(week, month),
        computed_utc=now,
    )
