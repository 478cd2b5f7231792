"""Demand signals: how fast a variant leaves for customers, from what each day's shipments were. Pure.

Shipments are counted by the day as they are recorded, a month a record (`ShippedMonth`). A window of n days ends with
the day of the signal, included:

    average_daily = total / n                  stdev_daily = sqrt(sum of d² / n - (total / n)²), over all n days
    days_of_cover = max(0, available) / (total of 28 days / 28)

Rounding happens once, at the end: four places, half up.
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
    """Units of a variant that left a facility for customers of a channel, by day of one month (`2026-03`)."""

    shipped_id: str
    orgcode: str
    variant_id: str
    logical_guid: str
    channel_code: str
    month: str
    days: list[int]


class DemandWindow(Value):
    """Units shipped in so many days, how many a day, and by how much the days differ."""

    days: Annotated[int, Meta(ge=7, le=90)]
    total: Count
    average_daily: Decimal4
    stdev_daily: Decimal4


class DemandSignal(Record):
    """How fast a variant goes in a scope: None in `logical_guid` or `channel_code` stands for all."""

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
    """The month a day is in."""
    return day[:7]


def months_until(as_of: Day) -> tuple[str, str]:
    """The first and the last month of the longest window that ends with a day."""
    return month_of(_back(as_of, DAYS_LOOKED_AT - 1)), month_of(as_of)


def _back(day: Day, days: int) -> Day:
    """The day so many days before, or the first there is."""
    return Day(date.fromordinal(max(1, date.fromisoformat(day).toordinal() - days)).isoformat())


def with_shipped(month: ShippedMonth, day: Day, units: int) -> ShippedMonth:
    """The month with more units shipped on one of its days."""
    days = list(month.days)
    days[date.fromisoformat(day).day - 1] += units
    return replace(month, days=days)


def daily(months: Iterable[ShippedMonth], as_of: Day) -> list[int]:
    """Units of each day of the longest window, the last day first."""
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
    """One window, of its days' units."""
    count, total = len(days), sum(days)
    return DemandWindow(days=count, total=total, average_daily=ratio(total, count), stdev_daily=_deviation(days, total))


def _deviation(days: Sequence[int], total: int) -> str:
    """√(Σd²/n - (total/n)²) as √(n·Σd² - total²) / n: whole numbers up to the root, so nothing is lost before it."""
    count = len(days)
    with localcontext(prec=FIGURE_DIGITS):
        root = Decimal(count * sum(units * units for units in days) - total * total).sqrt()
        return rounded(root / count)


def trend_of(week: int, month: int) -> Trend:
    """How the last 7 days' units compare with the last 28 days': a fifth more a day is rising, a fifth less falling."""
    if month == 0:
        return "none"
    if 10 * week >= 3 * month:
        return "rising"
    return "falling" if 5 * week <= month else "steady"


def cover_of(available: int, month: int) -> str | None:
    """For how many days units last at the pace of the last 28 days; None where nothing was shipped in them."""
    return ratio(max(0, available) * 28, month) if month else None


def computed(signal: DemandSignal, days: Sequence[int], available: int, as_of: Day, now: Utc) -> DemandSignal:
    """The signal as it is now, from the units of each day, the last one first."""
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
