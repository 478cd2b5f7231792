"""The statistics of a channel."""

from typing import Annotated

from msgspec import Meta

from chassis.clock import seconds_between
from chassis.endpoint import Answer, Endpoints, Request
from chassis.unit import View
from chassis.values import Count, Id, Utc
from services.slc.channel.store import CHANNELS, channel_answer
from services.slc.counters.domain import StatTotals
from services.slc.counters.store import buckets_since
from services.slc.drift.domain import DriftReport, drift_answer
from services.slc.drift.store import newest_report
from services.slc.job.store import oldest_job
from services.slc.stats.domain import SHAPES, Latency, Period, StatBucket, series_of, starts_at
from services.slc.words import VIEW, Part

endpoints = Endpoints("slc")


class ChannelStatsRequest(Request):
    channel_id: Id
    period: Period


class ChannelStats(Part):
    """What happened on a channel in a period, and what waits now."""

    channel_id: Id
    period: Period
    from_utc: Utc
    to_utc: Utc
    bucket_seconds: Annotated[int, Meta(ge=60, le=86_400)]
    totals: StatTotals
    series: Annotated[list[StatBucket], Meta(min_length=1, max_length=168)]
    lag: Latency
    shopify_latency: Latency
    queue_depth: Count
    oldest_queued_seconds: float
    drift: DriftReport | None = None


class ChannelStatsEnvelope(Answer):
    stats: ChannelStats


@endpoints.post("/slc", action="channel/stats", roles=VIEW, snapshot=True)
async def slc_channel_stats(view: View, body: ChannelStatsRequest) -> ChannelStatsEnvelope:
    """Show what happened on a channel in a period, from pre-summed buckets."""
    channel = await view.load(CHANNELS, body.channel_id)
    start = starts_at(body.period, view.now)
    counted = await buckets_since(view, channel.channel_id, SHAPES[body.period].counted_seconds, start)
    series = series_of(body.period, counted, view.now)
    oldest = await oldest_job(view, channel.channel_id)
    report = await newest_report(view, channel.channel_id, start)
    stats = ChannelStats(
        channel_id=channel.channel_id,
        period=body.period,
        **{name: getattr(series, name) for name in series.__struct_fields__},
        queue_depth=(await channel_answer(view, channel)).variants.queued,
        oldest_queued_seconds=max(0.0, seconds_between(oldest.changed_utc, view.now)) if oldest else 0.0,
        drift=drift_answer(report) if report else None,
    )
    return ChannelStatsEnvelope(stats=stats)
