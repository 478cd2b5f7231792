"""Rate, errors and duration of the calls of one service, and how many are under way."""

from prometheus_client import Counter, Histogram

from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import HTTP_IN_FLIGHT, HTTP_REQUESTS, HTTP_SECONDS

IN_FLIGHT_MAX = 2000
"""Requests worked on at once; above it callers are told to come back."""


class RequestMeter:
    """Counts requests; the labelled counters are looked up once each."""

    def __init__(self, metrics: Metrics) -> None:
        self.in_flight = 0
        self._requests = metrics.counter(HTTP_REQUESTS)
        self._seconds = metrics.histogram(HTTP_SECONDS)
        self._counters: dict[tuple[str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        metrics.gauge(HTTP_IN_FLIGHT).set_function(lambda: self.in_flight)

    def begin(self) -> None:
        """A request of an endpoint begins."""
        self.in_flight += 1

    def end(self, call: str, status: int, seconds: float) -> None:
        """It has its answer."""
        self.in_flight -= 1
        self._count(call, status)
        histogram = self._histograms.get(call)
        if histogram is None:
            histogram = self._histograms[call] = self._seconds.labels(call)
        histogram.observe(seconds)

    def abandon(self) -> None:
        """It was cancelled, and gets no answer."""
        self.in_flight -= 1

    def end_elsewhere(self, status: int) -> None:
        """A request that met no endpoint was answered."""
        self._count("unknown", status)

    def _count(self, call: str, status: int) -> None:
        counter = self._counters.get((call, status))
        if counter is None:
            counter = self._counters[call, status] = self._requests.labels(call, str(status))
        counter.inc()
