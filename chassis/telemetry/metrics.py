"""Counters, gauges and histograms of one process, made from the list in `names.py`, and their text for Prometheus."""

from collections.abc import Callable, Iterable
from typing import cast

import psutil
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from chassis.telemetry.names import METRICS, RESIDENT_BYTES, Metric

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second line for every line, that nobody reads

CONTENT_TYPE = CONTENT_TYPE_LATEST

Look = Callable[[], None]
"""Sets gauges to their current values; called before the metrics are written out."""


class Metrics:
    """The metrics of one process (in tests: of one of several services in it)."""

    def __init__(self, declared: Iterable[Metric] = METRICS) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self._made = {metric.name: self._make(metric) for metric in declared}
        self._looks: list[Look] = []
        self._process = psutil.Process()

    def include(self, declared: Iterable[Metric]) -> None:
        """Register further metrics, such as a resource's. ValueError if a name is taken."""
        self._made.update({metric.name: self._make(metric) for metric in declared})

    def counter(self, metric: Metric) -> Counter:
        """The counter of a declared metric."""
        return cast("Counter", self._made[metric.name])

    def gauge(self, metric: Metric) -> Gauge:
        """The gauge of a declared metric."""
        return cast("Gauge", self._made[metric.name])

    def histogram(self, metric: Metric) -> Histogram:
        """The histogram of a declared metric."""
        return cast("Histogram", self._made[metric.name])

    def before_each_look(self, look: Look) -> None:
        """Call `look` to set its gauges whenever the metrics are read."""
        self._looks.append(look)

    def text(self) -> bytes:
        """All metrics in Prometheus' text format."""
        for look in self._looks:
            look()
        if RESIDENT_BYTES.name in self._made:
            self.gauge(RESIDENT_BYTES).set(self._process.memory_info().rss)
        return generate_latest(self.registry)

    def _make(self, metric: Metric) -> Counter | Gauge | Histogram:
        if metric.kind == "counter":
            return Counter(metric.name, metric.meaning, metric.labels, registry=self.registry)
        if metric.kind == "gauge":
            return Gauge(metric.name, metric.meaning, metric.labels, registry=self.registry)
        return Histogram(metric.name, metric.meaning, metric.labels, buckets=metric.buckets, registry=self.registry)
