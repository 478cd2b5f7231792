"""The statistics of a channel over a period, summed from the buckets that its processes counted."""

from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from chassis.clock import Utc as Moment
from chassis.clock import from_seconds, later, to_seconds
from chassis.entity import Value
from chassis.values import Count, Utc
from services.slc.counters.domain import HOUR_SECONDS, MINUTE_SECONDS, Bucket, StatTotals, merged, percentile, summed
from services.slc.words import Part

Period = Literal["1h", "6h", "24h", "7d", "30d", "90d"]


class PeriodShape(Value):
    """How a period is cut: seconds and number of its buckets, and the size of the counted ones they are summed from."""

    bucket_seconds: int
    buckets: int
    counted_seconds: int


SHAPES: dict[Period, PeriodShape] = {
    "1h": PeriodShape(bucket_seconds=60, buckets=60, counted_seconds=MINUTE_SECONDS),
    "6h": PeriodShape(bucket_seconds=300, buckets=72, counted_seconds=MINUTE_SECONDS),
    "24h": PeriodShape(bucket_seconds=900, buckets=96, counted_seconds=MINUTE_SECONDS),
    "7d": PeriodShape(bucket_seconds=3_600, buckets=168, counted_seconds=HOUR_SECONDS),
    "30d": PeriodShape(bucket_seconds=21_600, buckets=120, counted_seconds=HOUR_SECONDS),
    "90d": PeriodShape(bucket_seconds=86_400, buckets=90, counted_seconds=HOUR_SECONDS),
}


class StatBucket(Value):
    """What was counted in one bucket of the series."""

    from_utc: Utc
    totals: StatTotals


class Latency(Value):
    """How long something took, in milliseconds."""

    p50_ms: float
    p95_ms: float
    p99_ms: float
    count: Count


class Series(Part):
    """The statistics of a period without what is true of this moment only."""

    from_utc: Utc
    to_utc: Utc
    bucket_seconds: Annotated[int, Meta(ge=60, le=86_400)]
    totals: StatTotals
    series: Annotated[list[StatBucket], Meta(min_length=1, max_length=168)]
    lag: Latency
    shopify_latency: Latency


def starts_at(period: Period, now: Moment) -> Moment:
    """The start of the period whose last bucket holds now."""
    shape = SHAPES[period]
    last = to_seconds(now) // shape.bucket_seconds * shape.bucket_seconds
    return from_seconds(last - (shape.buckets - 1) * shape.bucket_seconds)


def series_of(period: Period, counted: Sequence[Bucket], now: Moment) -> Series:
    """The statistics of a period, empty buckets as zeros; the totals are the sum of the series."""
    shape, start = SHAPES[period], starts_at(period, now)
    parts: list[list[Bucket]] = [[] for _ in range(shape.buckets)]
    for bucket in counted:
        place = int((to_seconds(bucket.from_utc) - to_seconds(start)) // shape.bucket_seconds)
        if 0 <= place < shape.buckets:
            parts[place].append(bucket)
    series = [
        StatBucket(from_utc=later(start, place * shape.bucket_seconds), totals=summed(part))
        for place, part in enumerate(parts)
    ]
    used = [bucket for part in parts for bucket in part]
    return Series(
        from_utc=start,
        to_utc=later(start, shape.buckets * shape.bucket_seconds),
        bucket_seconds=shape.bucket_seconds,
        totals=summed(used),
        series=series,
        lag=_latency([bucket.lag for bucket in used]),
        shopify_latency=_latency([bucket.latency for bucket in used]),
    )


def _latency(histograms: Sequence[dict[str, int]]) -> Latency:
    whole = merged(histograms)
    return Latency(
        p50_ms=percentile(whole, 0.50),
        p95_ms=percentile(whole, 0.95),
        p99_ms=percentile(whole, 0.99),
        count=sum(whole.values()),
    )
