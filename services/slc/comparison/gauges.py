"""Metrics of the comparison of channels with their shops."""

from collections.abc import AsyncIterator

from chassis.resource import resource
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import Metric
from services.slc.drift.domain import Compared

DRIFT_VARIANTS = Metric(
    name="retailstack_slc_drift_variants_total",
    kind="counter",
    labels=("result",),
    meaning="Variants that SlcDriftDetect compared with their shop: in_sync, drifted, missing; error where not.",
    action="drifted or missing in numbers: somebody else writes to the shop; see the report in channel/stats. error: "
    "PMC, ICS or the shop did not answer, or a currency differs.",
)
DRIFT_FINISHED = Metric(
    name="retailstack_slc_drift_finished_seconds",
    kind="gauge",
    meaning="When this process last finished the comparison of a channel, in seconds since 1970; 0 before the first.",
    action="More than 26 hours ago in all processes while channels are active: the job SlcDriftDetect fails, or the "
    "comparison of a channel does not end; see its work items.",
)


class DriftGauges:
    """The metrics, moved by the worker that compares."""

    def __init__(self, metrics: Metrics) -> None:
        self._variants = metrics.counter(DRIFT_VARIANTS)
        self._finished = metrics.gauge(DRIFT_FINISHED)

    def count(self, page: Compared) -> None:
        """Count the variants of a page."""
        for result in ("in_sync", "drifted", "missing"):
            self._variants.labels(result).inc(getattr(page, result))
        self._variants.labels("error").inc(page.errors)

    def finished(self) -> None:
        """Note that a channel is compared to its end."""
        self._finished.set_to_current_time()


@resource(metrics=[DRIFT_VARIANTS, DRIFT_FINISHED])
async def drift_gauges(metrics: Metrics) -> AsyncIterator[DriftGauges]:
    """The metrics of drift."""
    yield DriftGauges(metrics)
