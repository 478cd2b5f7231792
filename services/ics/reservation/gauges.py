"""Metrics of overdue promises: their number, and the age of the oldest."""

from collections.abc import AsyncIterator

from chassis.resource import resource
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import Metric

OVERDUE_PROMISES = Metric(
    name="retailstack_ics_overdue_promises",
    kind="gauge",
    meaning="Reservations and allocations past their grace that the last run of overdue-sweep did not expire.",
    action="Growing from run to run: the sweep cannot keep up, or fails; see its answer and the log.",
)
OVERDUE_SECONDS = Metric(
    name="retailstack_ics_overdue_seconds",
    kind="gauge",
    meaning="For how long the longest overdue of them had been overdue, in seconds; 0 where there was none.",
    action="Alert above 300 for long: units are held that nobody can use. Run the sweep by hand and see its errors.",
)


class OverdueGauges:
    """The gauges, set by each run of the overdue-sweep job over all orgs."""

    def __init__(self, metrics: Metrics) -> None:
        self._promises = metrics.gauge(OVERDUE_PROMISES)
        self._seconds = metrics.gauge(OVERDUE_SECONDS)

    def set(self, promises: int, seconds: float) -> None:
        """Set the number of promises that are overdue still, and for how many seconds the oldest has been."""
        self._promises.set(promises)
        self._seconds.set(seconds)


@resource(metrics=[OVERDUE_PROMISES, OVERDUE_SECONDS])
async def overdue_gauges(metrics: Metrics) -> AsyncIterator[OverdueGauges]:
    """The gauges of overdue promises."""
    yield OverdueGauges(metrics)
