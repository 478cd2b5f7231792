from chassis.clock import Utc
from services.slc.counters.domain import Bucket, Counted, added, merged, percentile, with_durations
from services.slc.stats.domain import SHAPES, Period, series_of
from tests.slc.counter import Counter

NOW = Utc("2026-11-30T12:34:56.000Z")
CHANNEL = "01970f3e-9a4c-7c31-8a55-3f0c4b1d2e6a"


def a_bucket(from_utc: str, **counts: float) -> Bucket:
    empty = Bucket(bucket_id=from_utc, channel_id=CHANNEL, size_seconds=60, from_utc=Utc(from_utc))
    return added(empty, Counted(counts=counts))


def test_the_totals_are_the_sum_of_the_series() -> None:
    counted = [a_bucket("2026-11-30T12:34:00.000Z", jobs_done=2), a_bucket("2026-11-30T11:35:00.000Z", jobs_done=3)]
    found = series_of("1h", [*counted, a_bucket("2026-11-30T11:34:00.000Z", jobs_done=9)], NOW)
    assert (len(found.series), found.totals.jobs_done) == (60, 5)
    assert sum(each.totals.jobs_done for each in found.series) == 5
    assert (found.from_utc, found.to_utc) == ("2026-11-30T11:35:00.000Z", "2026-11-30T12:35:00.000Z")


def test_every_period_has_its_buckets() -> None:
    periods: list[Period] = ["1h", "6h", "24h", "7d", "30d", "90d"]
    assert [(SHAPES[each].bucket_seconds, SHAPES[each].buckets) for each in periods] == [
        (60, 60),
        (300, 72),
        (900, 96),
        (3600, 168),
        (21600, 120),
        (86400, 90),
    ]


def test_percentiles_are_right_within_five_percent() -> None:
    histogram = merged([with_durations({}, range(1, 500)), with_durations({}, range(500, 1001))])
    for share, right in ((0.5, 500), (0.95, 950), (0.99, 990)):
        assert right * 0.95 <= percentile(histogram, share) <= right * 1.05


async def test_orders_and_webhooks_are_counted(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-s", 5)
    order = counter.standin.trade.sell({"v-s": 2})
    await counter.deliver()
    await counter.settled(order.id, "booked", committed=2)
    stats = (await counter.slc.ask("channel/stats", **counter.ids, period="1h")).data["stats"]
    assert (stats["totals"]["orders_recorded"], stats["totals"]["units_committed"]) == (1, 2)
    assert stats["totals"]["webhooks_received"] >= 2
    assert len(stats["series"]) == 60
