"""Counts the requests of one service: rate, errors, duration, and how many are in progress."""

from prometheus_client import Counter, Histogram

from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import HTTP_IN_FLIGHT, HTTP_REQUESTS, HTTP_SECONDS

IN_FLIGHT_MAX = 2000
"""Requests in progress at once; further ones are answered 503."""


class RequestMeter:
    """Counts requests. Labelled counters are cached."""

    def __init__(self, metrics: Metrics) -> None:
        self.in_flight = 0
        self._requests = metrics.counter(HTTP_REQUESTS)
        self._seconds = metrics.histogram(HTTP_SECONDS)
        self._counters: dict[tuple[str, int], Counter] = {}
        self._histograms: dict[str, Histogram] = {}
        metrics.gauge(HTTP_IN_FLIGHT).set_function(lambda: self.in_flight)

    def begin(self) -> None:
        """Count a request to an endpoint as in progress."""
        self.in_flight += 1

    def end(self, call: str, status: int, seconds: float) -> None:
        """Count it as answered after `seconds`."""
        self.in_flight -= 1
        self._count(call, status)
        histogram = self._histograms.get(call)
        if histogram is None:
            histogram = self._histograms[call] = self._seconds.labels(call)
        histogram.observe(seconds)

    def abandon(self) -> None:
        """Count it as cancelled, without an answer."""
        self.in_flight -= 1

    def end_elsewhere(self, status: int) -> None:
        """Count an answered request that matched no endpoint."""
        self._count("unknown", status)

    def _count(self, call: str, status: int) -> None:
        counter = self._counters.get((call, status))
        if counter is None:
            counter = self._counters[call, status] = self._requests.labels(call, str(status))
        counter.inc()
