"""Metrics that are read from the engines at each scrape; between scrapes they cost nothing."""

from collections.abc import Iterator
from functools import partial
from time import monotonic
from typing import Any

from prometheus_client import Counter

from chassis.bus.queue_admin import QueueAdmin
from chassis.bus.relay import Relay
from chassis.errors import DatabaseError, Refusal
from chassis.gate import Gate
from chassis.jobs.runner import JobRunner
from chassis.mongo.client import Database
from chassis.mongo.unit import MongoUnits
from chassis.telemetry.log import get_logger
from chassis.telemetry.metrics import Metrics
from chassis.telemetry.names import (
    BATCH_LARGEST,
    CHANGES,
    CHANGES_WAITING,
    COMMIT_BYTES,
    COMMIT_DOCUMENTS,
    COMMIT_SECONDS,
    COMMITS,
    CONSUMED,
    CONSUMER_STOPPED,
    DEAD_MESSAGES,
    GATE_CLOSED,
    JOB_RUNS,
    LARGE_CALLS,
    POOL_IN_USE,
    QUEUE_DEPTH,
    RELAY_LAG_SECONDS,
    RELAY_PENDING,
    RELAY_PUBLISHED,
    VIEWS,
    WORK_BUSY,
    WORK_DEPTH,
    WORK_OLDEST_SECONDS,
    WORK_RUNS,
    WORK_SECONDS,
)
from chassis.work.admin import WorkAdmin
from chassis.work.runner import WorkRunner

WORK_LOOK_SECONDS = 30.0
"""Counting work costs in proportion to what waits."""

LOOK_AGAIN_SECONDS = 1.0
"""Two looks within this time count as one."""

log = get_logger("chassis.engine_metrics")


class Observer:
    """Updates the gauges of the engines' states, and the counters that the engines keep themselves."""

    def __init__(
        self,
        metrics: Metrics,
        gate: Gate,
        database: Database,
        units: MongoUnits,
        relay: Relay,
        queue_admin: QueueAdmin,
        jobs: JobRunner,
        work: WorkRunner,
        work_admin: WorkAdmin,
    ) -> None:
        self._metrics = metrics
        self._units = units
        self._relay = relay
        self._queue_admin = queue_admin
        self._jobs = jobs
        self._work = work
        self._work_admin = work_admin
        self._work_looked = -WORK_LOOK_SECONDS
        self._counted: dict[tuple[Any, ...], int] = {}
        self._looked = -LOOK_AGAIN_SECONDS
        metrics.gauge(GATE_CLOSED).set_function(lambda: not gate.open)
        metrics.gauge(POOL_IN_USE).set_function(lambda: database.in_use)
        metrics.gauge(CHANGES_WAITING).set_function(lambda: units.waiting)
        metrics.gauge(BATCH_LARGEST).set_function(lambda: units.stats.largest)
        for name, runner in work.queues.items():
            metrics.gauge(WORK_BUSY).labels(name).set_function(partial(getattr, runner, "busy"))
        metrics.before_each_look(self._count_all)

    async def look(self) -> None:
        """Update the gauges; one that cannot be read keeps its last value."""
        if monotonic() - self._looked < LOOK_AGAIN_SECONDS:
            return
        self._looked = monotonic()
        try:
            backlog = await self._relay.backlog()
            self._metrics.gauge(RELAY_PENDING).set(backlog.pending)
            self._metrics.gauge(RELAY_LAG_SECONDS).set(backlog.lag_seconds)
            for queue in await self._queue_admin.queues():
                self._metrics.gauge(QUEUE_DEPTH).labels(queue.queue).set(queue.depth.ready + queue.depth.waiting)
                self._metrics.gauge(DEAD_MESSAGES).labels(queue.queue).set(queue.depth.dead)
            if monotonic() - self._work_looked >= WORK_LOOK_SECONDS:
                self._work_looked = monotonic()
                await self._look_at_work()
        except (DatabaseError, Refusal) as failure:
            log.debug("a look at the queues failed", problem=repr(failure))

    async def _look_at_work(self) -> None:
        for depth in await self._work_admin.depths():
            self._metrics.gauge(WORK_OLDEST_SECONDS).labels(depth.queue, depth.lane).set(depth.oldest_seconds)
            for state, count in depth.counts.items():
                self._metrics.gauge(WORK_DEPTH).labels(depth.queue, depth.lane, state).set(count)

    def _count_all(self) -> None:
        """Add what the engines have counted since the last time."""
        for name, runner in self._work.queues.items():
            for seconds in runner.stats.take_durations():
                self._metrics.histogram(WORK_SECONDS).labels(name).observe(seconds)
        for size in self._units.stats.take_sizes():
            self._metrics.histogram(COMMIT_SECONDS).labels(size.lane).observe(size.seconds)
            self._metrics.histogram(COMMIT_DOCUMENTS).labels(size.lane).observe(size.documents)
            self._metrics.histogram(COMMIT_BYTES).labels(size.lane).observe(size.bytes)
        for counter, labels, total in self._totals():
            key = (id(counter), *labels)
            grown = total - self._counted.get(key, 0)
            self._counted[key] = total
            if grown > 0:
                (counter.labels(*labels) if labels else counter).inc(grown)

    def _totals(self) -> Iterator[tuple[Counter, tuple[str, ...], int]]:
        metrics = self._metrics
        done = self._units.stats
        yield metrics.counter(COMMITS), ("done",), done.batches
        yield metrics.counter(COMMITS), ("conflict",), done.conflicts
        yield metrics.counter(COMMITS), ("duplicate",), done.duplicates
        yield metrics.counter(COMMITS), ("split",), done.splits
        yield metrics.counter(COMMITS), ("too_large",), done.too_large
        yield metrics.counter(LARGE_CALLS), ("change",), done.heavy
        yield metrics.counter(LARGE_CALLS), ("view",), done.large_views
        yield metrics.counter(CHANGES), (), done.operations
        yield metrics.counter(VIEWS), (), done.views
        yield metrics.counter(RELAY_PUBLISHED), (), self._relay.stats.published
        for consumer in self._queue_admin.stats:
            metrics.gauge(CONSUMER_STOPPED).labels(consumer.consumer).set(consumer.state == "stopped")
            for outcome in ("handled", "repeated", "later", "never"):
                yield metrics.counter(CONSUMED), (consumer.consumer, outcome), getattr(consumer, outcome)
        for job in self._jobs.stats:
            yield metrics.counter(JOB_RUNS), (job.name, "done"), job.runs - job.failures
            yield metrics.counter(JOB_RUNS), (job.name, "failed"), job.failures
        for name, runner in self._work.queues.items():
            for outcome, runs in runner.stats.outcomes.items():
                yield metrics.counter(WORK_RUNS), (name, outcome), runs
