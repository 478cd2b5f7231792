"""Pre-summed statistics of channels: counters of a minute or an hour, and histograms of durations.

Durations are counted in buckets whose bounds grow by 5 %, so that any number of histograms can be summed, and a
percentile is right within 5 %.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

import msgspec
from msgspec import field
from msgspec.structs import replace

from chassis.clock import Utc, from_seconds, to_seconds
from chassis.entity import Document, Value
from chassis.values import Count, Id

MINUTE_SECONDS = 60
HOUR_SECONDS = 3600
SIZES = (MINUTE_SECONDS, HOUR_SECONDS)

GROWTH = 1.05
_LOG_GROWTH = math.log(GROWTH)


class StatTotals(Value):
    """What happened in a time. `shopify_cost` in points of the shop's bucket, `writes_inventory` in levels."""

    jobs_enqueued: Count = 0
    jobs_coalesced: Count = 0
    jobs_done: Count = 0
    jobs_unchanged: Count = 0
    jobs_failed: Count = 0
    jobs_retried: Count = 0
    jobs_dead: Count = 0
    writes_price: Count = 0
    writes_inventory: Count = 0
    writes_content: Count = 0
    products_created: Count = 0
    products_archived: Count = 0
    shopify_calls: Count = 0
    shopify_throttled: Count = 0
    shopify_errors: Count = 0
    shopify_cost: float = 0
    webhooks_received: Count = 0
    webhooks_duplicate: Count = 0
    webhooks_refused: Count = 0
    echoes: Count = 0
    orders_recorded: Count = 0
    units_committed: Count = 0
    units_released: Count = 0
    units_restocked: Count = 0
    units_oversold: Count = 0
    units_fulfilled: Count = 0
    drift_found: Count = 0
    drift_repaired: Count = 0


class Bucket(Document):
    """What one process counted for a channel in one minute or hour.

    counts   name of a counter -> its value
    lag, latency  histograms: number of a bucket -> how many durations fell into it
    """

    bucket_id: str
    channel_id: Id
    orgcode: str = ""
    size_seconds: int
    from_utc: Utc
    counts: dict[str, float] = field(default_factory=dict)
    lag: dict[str, int] = field(default_factory=dict)
    latency: dict[str, int] = field(default_factory=dict)


class Counted(Value):
    """What to add: counters, and durations in milliseconds from change to confirmation and of calls to Shopify."""

    counts: Mapping[str, float]
    lag_ms: tuple[float, ...] = ()
    latency_ms: tuple[float, ...] = ()


@lru_cache(maxsize=256)
def floor(moment: Utc, size_seconds: int) -> Utc:
    """The start of the bucket that holds this moment."""
    return from_seconds(to_seconds(moment) // size_seconds * size_seconds)


def added(bucket: Bucket, counted: Counted) -> Bucket:
    """The bucket with more counted."""
    counts = dict(bucket.counts)
    for name, number in counted.counts.items():
        assert name in StatTotals.__struct_fields__, name
        counts[name] = counts.get(name, 0) + number
    return replace(
        bucket,
        counts=counts,
        lag=with_durations(bucket.lag, counted.lag_ms),
        latency=with_durations(bucket.latency, counted.latency_ms),
    )


def with_durations(histogram: dict[str, int], durations_ms: Sequence[float]) -> dict[str, int]:
    """A histogram with more durations."""
    if not durations_ms:
        return histogram
    found = dict(histogram)
    for duration in durations_ms:
        place = str(_place(duration))
        found[place] = found.get(place, 0) + 1
    return found


def summed(buckets: Iterable[Bucket]) -> StatTotals:
    """The counters of several buckets together."""
    totals: dict[str, float] = {}
    for bucket in buckets:
        for name, number in bucket.counts.items():
            totals[name] = totals.get(name, 0) + number
    return msgspec.convert(totals, StatTotals, strict=False)


def percentile(histogram: Mapping[int, int], share: float) -> float:
    """The duration in milliseconds that this share of them does not exceed; 0 where there are none."""
    left = math.ceil(sum(histogram.values()) * share)
    for place in sorted(histogram):
        left -= histogram[place]
        if left <= 0:
            return round(GROWTH**place, 1)
    return 0.0


def merged(histograms: Iterable[Mapping[str, int]]) -> dict[int, int]:
    """The sum of histograms."""
    total: dict[int, int] = {}
    for histogram in histograms:
        for place, number in histogram.items():
            total[int(place)] = total.get(int(place), 0) + number
    return total


def _place(duration_ms: float) -> int:
    return max(0, math.ceil(math.log(max(duration_ms, 1.0)) / _LOG_GROWTH))
