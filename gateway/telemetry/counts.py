"""What the gateway counts and measures.

The numbers are kept in plain dictionaries while requests run, and handed to Prometheus when it asks: a labelled counter
of its client costs more than all the rest of the bookkeeping of a request.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from chassis.resource import resource
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import SECONDS
from gateway.http.exchange import Exchange
from gateway.telemetry.names import IN_FLIGHT, REFUSALS, REPLICAS_OUT, REQUEST_SECONDS, REQUESTS, UNEXPECTED_ERRORS
from gateway.upstream.balance import Upstream


class Counts(Collector):
    """Counts answered requests."""

    def __init__(self) -> None:
        self._statuses: dict[tuple[str, int], int] = {}
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        self._refusals: Counter[tuple[str, str]] = Counter()
        self._unexpected = 0
        self.in_flight: Callable[[], int] = int
        self.upstreams: dict[str, Upstream] = {}

    def answered(self, exchange: Exchange, seconds: float) -> None:
        """Count a request that has ended, `seconds` after its head."""
        key = (exchange.service, exchange.status)
        self._statuses[key] = self._statuses.get(key, 0) + 1
        service = exchange.service
        buckets = self._buckets.get(service)
        if buckets is None:
            buckets = self._buckets[service] = [0] * (len(SECONDS) + 1)
            self._sums[service] = 0.0
        buckets[bisect_left(SECONDS, seconds)] += 1
        self._sums[service] += seconds
        if exchange.error_code is not None:
            self._refusals[exchange.call or service, exchange.error_code] += 1

    def unexpected(self) -> None:
        """Count a request that ended in an unexpected exception."""
        self._unexpected += 1

    def show_in(self, metrics: CollectorRegistry) -> None:
        """Make the numbers part of these metrics."""
        metrics.register(self)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]:
        requests = CounterMetricFamily(REQUESTS.name, REQUESTS.meaning, labels=REQUESTS.labels)
        for (service, status), count in self._statuses.items():
            requests.add_metric((service, str(status)), count)
        yield requests
        refusals = CounterMetricFamily(REFUSALS.name, REFUSALS.meaning, labels=REFUSALS.labels)
        for labels, count in self._refusals.items():
            refusals.add_metric(labels, count)
        yield refusals
        taken = HistogramMetricFamily(REQUEST_SECONDS.name, REQUEST_SECONDS.meaning, labels=REQUEST_SECONDS.labels)
        for service, buckets in self._buckets.items():
            taken.add_metric((service,), _cumulated(buckets), self._sums[service])
        yield taken
        yield GaugeMetricFamily(IN_FLIGHT.name, IN_FLIGHT.meaning, value=self.in_flight())
        out = GaugeMetricFamily(REPLICAS_OUT.name, REPLICAS_OUT.meaning, labels=REPLICAS_OUT.labels)
        for service, upstream in self.upstreams.items():
            out.add_metric((service,), sum(replica.out for replica in upstream.replicas))
        yield out
        yield CounterMetricFamily(UNEXPECTED_ERRORS.name, UNEXPECTED_ERRORS.meaning, value=self._unexpected)


@resource
async def request_counts(metrics: Metrics) -> AsyncIterator[Counts]:
    """Counts of answered requests, shown among the process's metrics."""
    counts = Counts()
    counts.show_in(metrics.registry)
    yield counts


def _cumulated(buckets: list[int]) -> list[tuple[str, float]]:
    """Bucket counts as Prometheus expects them: of all values up to and including each bound."""
    total, answer = 0, []
    for bound, count in zip([*map(str, SECONDS), "+Inf"], buckets, strict=True):
        total += count
        answer.append((bound, float(total)))
    return answer
