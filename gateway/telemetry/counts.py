"""What the gateway counts and measures. Labels are bounded: services, statuses and stages, never a path or an org.

The numbers are kept in plain dictionaries while requests run, and handed to Prometheus when it asks: a labelled counter
of its client costs more than all the rest of the bookkeeping of a request.
"""

from bisect import bisect_left
from collections.abc import AsyncIterator, Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

from chassis.resource import resource
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import SECONDS, Metric
from gateway.http.exchange import Exchange
from gateway.upstream.balance import Upstream

REQUESTS = Metric(
    name="retailstack_gateway_requests_total",
    kind="counter",
    labels=("service", "status"),
    meaning="Answered requests, by the service asked and the status; 499: the caller went away first.",
    action="503 of one service: is it up, is its breaker open (retailstack_gateway_replicas_out)?",
)
SECONDS_TAKEN = Metric(
    name="retailstack_gateway_request_seconds",
    kind="histogram",
    labels=("service",),
    meaning="Seconds from a request's head to its answer, by the service asked.",
    action="Compare with the service's own retailstack_http_request_seconds: the rest is the gateway's.",
)
IN_FLIGHT = Metric(
    name="retailstack_gateway_in_flight",
    kind="gauge",
    meaning="Requests that are being worked on.",
    action="Near IN_FLIGHT_MAX callers get 503: a service is slow, or more gateways are needed.",
)
REPLICAS_OUT = Metric(
    name="retailstack_gateway_replicas_out",
    kind="gauge",
    labels=("service",),
    meaning="Replicas taken out because they failed several times in a row.",
    action="Look at the service; it is tried again by itself every half second.",
)
SURPRISES = Metric(
    name="retailstack_gateway_unexpected_errors_total",
    kind="counter",
    meaning="Requests that ended in an exception nobody raised on purpose.",
    action="Each is a defect: find its request id in the log.",
)


class Counts(Collector):
    """Counts answered requests."""

    def __init__(self) -> None:
        self._statuses: dict[tuple[str, int], int] = {}
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        self._surprises = 0
        self.in_flight: Callable[[], int] = int
        self.upstreams: dict[str, Upstream] = {}

    def answered(self, exchange: Exchange, seconds: float) -> None:
        """A request has ended."""
        key = (exchange.service, exchange.status)
        self._statuses[key] = self._statuses.get(key, 0) + 1
        service = exchange.service
        buckets = self._buckets.get(service)
        if buckets is None:
            buckets = self._buckets[service] = [0] * (len(SECONDS) + 1)
            self._sums[service] = 0.0
        buckets[bisect_left(SECONDS, seconds)] += 1
        self._sums[service] += seconds

    def surprised(self) -> None:
        """A request has ended in an exception nobody raised on purpose."""
        self._surprises += 1

    def show_in(self, metrics: CollectorRegistry) -> None:
        """Let the numbers be asked for."""
        metrics.register(self)

    def collect(self) -> Iterator[CounterMetricFamily | GaugeMetricFamily | HistogramMetricFamily]:
        requests = CounterMetricFamily(REQUESTS.name, REQUESTS.meaning, labels=REQUESTS.labels)
        for (service, status), count in self._statuses.items():
            requests.add_metric((service, str(status)), count)
        yield requests
        taken = HistogramMetricFamily(SECONDS_TAKEN.name, SECONDS_TAKEN.meaning, labels=SECONDS_TAKEN.labels)
        for service, buckets in self._buckets.items():
            taken.add_metric((service,), _cumulated(buckets), self._sums[service])
        yield taken
        yield GaugeMetricFamily(IN_FLIGHT.name, IN_FLIGHT.meaning, value=self.in_flight())
        out = GaugeMetricFamily(REPLICAS_OUT.name, REPLICAS_OUT.meaning, labels=REPLICAS_OUT.labels)
        for service, upstream in self.upstreams.items():
            out.add_metric((service,), sum(replica.out for replica in upstream.replicas))
        yield out
        yield CounterMetricFamily(SURPRISES.name, SURPRISES.meaning, value=self._surprises)


@resource
async def request_counts(metrics: Metrics) -> AsyncIterator[Counts]:
    """Counts of answered requests, shown among the process's metrics."""
    counts = Counts()
    counts.show_in(metrics.registry)
    yield counts


def _cumulated(buckets: list[int]) -> list[tuple[str, float]]:
    """Counts a bucket as Prometheus wants them: up to and including each bound."""
    total, answer = 0, []
    for bound, count in zip([*map(str, SECONDS), "+Inf"], buckets, strict=True):
        total += count
        answer.append((bound, float(total)))
    return answer
