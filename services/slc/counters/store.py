"""Storage of statistics, and their change within the transaction that records a result."""

from collections.abc import Sequence

from chassis.clock import Utc
from chassis.entity import Entity, edge, index
from chassis.unit import Change, View, between
from services.slc.counters.domain import SIZES, Bucket, Counted, added, floor
from services.slc.slots import SLOT, SLOTS

STATS = Entity(
    "stat",
    Bucket,
    collection="slc_stats",
    id="bucket_id",
    shard_key=("orgcode", "channel_id"),
    keys=("ORG#{orgcode}", "STAT#{bucket_id}"),
    label="{size_seconds} s from {from_utc} on {channel_id}",
    indexes=[
        index("channel_id", "size_seconds", "from_utc", name="series"),
        index("size_seconds", "from_utc", name="age", every_org=True),
    ],
    edges=[edge("of", to="channel", by="channel_id")],
    history=False,
)

SERIES_BUCKETS_MAX = 2160 * SLOTS


async def count(
    change: Change,
    channel_id: str,
    *,
    lag_ms: Sequence[float] = (),
    latency_ms: Sequence[float] = (),
    **numbers: float,
) -> None:
    """Add to the statistics of a channel; `numbers` are fields of `StatTotals`. Index: id."""
    counted = Counted(
        counts={name: number for name, number in numbers.items() if number},
        lag_ms=tuple(lag_ms),
        latency_ms=tuple(latency_ms),
    )
    if not (counted.counts or counted.lag_ms or counted.latency_ms):
        return
    prefetch_counted(change, channel_id)
    for size in SIZES:
        bucket_id = _bucket_id(change, channel_id, size)
        known = await change.get(STATS, bucket_id)
        start = floor(change.now, size)
        bucket = known or Bucket(bucket_id=bucket_id, channel_id=channel_id, size_seconds=size, from_utc=start)
        await (change.insert if known is None else change.update)(STATS, added(bucket, counted))


def prefetch_counted(change: Change, channel_id: str) -> None:
    """Load what `count` changes together with whatever is read next."""
    change.prefetch(STATS, [_bucket_id(change, channel_id, size) for size in SIZES])


def _bucket_id(change: Change, channel_id: str, size_seconds: int) -> str:
    return f"{channel_id}/{size_seconds}/{floor(change.now, size_seconds)}/{SLOT}"


async def buckets_since(view: View, channel_id: str, size_seconds: int, start: Utc) -> list[Bucket]:
    """The buckets of a channel that begin at this time or later, oldest first. Index: series."""
    where = {"channel_id": channel_id, "size_seconds": size_seconds, "from_utc": between(at_least=start)}
    return await view.find(STATS, where, order=("from_utc",), limit=SERIES_BUCKETS_MAX)
