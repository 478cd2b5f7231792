"""The one list of metrics: what each means and what to do when it looks wrong. Dashboards and alerts depend on it.

Labels are bounded: call names, statuses, queues and jobs as declared; never an org, an id or a path.
"""

from typing import Literal

from chassis.frozen import Frozen

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metric(Frozen):
    """One metric.

    meaning    what is counted or measured, and its unit
    action     what to do when it looks wrong
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = SECONDS
    meaning: str
    action: str


HTTP_REQUESTS = Metric(
    name="retailstack_http_requests_total",
    kind="counter",
    labels=("call", "status"),
    meaning="Answered HTTP requests, by call name and status.",
    action="5xx: look for the request id in the log; 409 and 428 are the callers' business unless their share jumps.",
)
HTTP_SECONDS = Metric(
    name="retailstack_http_request_seconds",
    kind="histogram",
    labels=("call",),
    meaning="Seconds from the head of a request to its answer.",
    action="High while retailstack_changes_waiting is: calls wait for the database. Else see retailstack_rpc_seconds.",
)
HTTP_IN_FLIGHT = Metric(
    name="retailstack_http_in_flight",
    kind="gauge",
    meaning="Requests that wait for their answer now.",
    action="Near the limit calls are answered 503: add replicas, or find out what they wait for.",
)
OUTGOING_REQUESTS = Metric(
    name="retailstack_outgoing_requests_total",
    kind="counter",
    labels=("peer", "outcome"),
    meaning="HTTP requests sent to systems outside of the stack, by peer and outcome: 2xx … 5xx, or why none came.",
    action="refused, timeout, broken: the peer is down or slow. blocked: an address that is not public was asked for.",
)
OUTGOING_SECONDS = Metric(
    name="retailstack_outgoing_seconds",
    kind="histogram",
    labels=("peer",),
    meaning="Seconds of one such request, its answer's body included.",
    action="Growing: the peer is slow; calls end with the deadline of the call they are made for.",
)
UNEXPECTED_ERRORS = Metric(
    name="retailstack_unexpected_errors_total",
    kind="counter",
    labels=("where",),
    meaning="Exceptions nobody raised on purpose, by the part they ended in.",
    action="Each is a defect: the log line of the same moment has its traceback.",
)
COMMITS = Metric(
    name="retailstack_commits_total",
    kind="counter",
    labels=("outcome",),
    meaning="Transactions of the committer: done, and those repeated: conflict, duplicate, split, too_large.",
    action="Many conflicts: several replicas write the same records. too_large: more than the server holds in one.",
)
CHANGES = Metric(
    name="retailstack_changes_total",
    kind="counter",
    meaning="Changes the committer has answered; over retailstack_commits_total{outcome=done} it is the mean batch.",
    action="Growing batches with growing latency: the database is the bottleneck.",
)
CHANGES_WAITING = Metric(
    name="retailstack_changes_waiting",
    kind="gauge",
    meaning="Changes that wait for a transaction now.",
    action="Hundreds for more than a moment: look at the database, its journal and its disk.",
)
BATCH_LARGEST = Metric(
    name="retailstack_commit_changes_largest",
    kind="gauge",
    meaning="Most changes that ever shared one transaction of this process.",
    action="At the limit (256): callers wait for each other; add replicas.",
)
COMMIT_SECONDS = Metric(
    name="retailstack_commit_seconds",
    kind="histogram",
    labels=("lane",),
    meaning="Seconds a committed transaction took, by lane: shared by many changes, or large: of one large change.",
    action="shared above 0.5: the database is slow; batches take fewer changes by themselves until it is not.",
)
COMMIT_DOCUMENTS = Metric(
    name="retailstack_commit_documents",
    kind="histogram",
    labels=("lane",),
    buckets=(1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000),
    meaning="Documents a transaction wrote, events included.",
    action="shared ends at about 1,000. large above 10,000: a call whose size has no bound.",
)
COMMIT_BYTES = Metric(
    name="retailstack_commit_bytes",
    kind="histogram",
    labels=("lane",),
    buckets=(1e3, 1e4, 1e5, 3e5, 1e6, 3e6, 1e7, 3e7, 1e8),
    meaning="Bytes a transaction wrote, as estimated from its documents' numbers of list items and its events' bodies.",
    action="shared ends at about 4 MiB. large above 10 MB: a call whose size has no bound.",
)
LARGE_CALLS = Metric(
    name="retailstack_large_calls_total",
    kind="counter",
    labels=("kind",),
    meaning="Changes and views taken out of a shared batch because they read or write far more than others.",
    action="Many: the log of slow calls names them; ask for less at once.",
)
VIEWS = Metric(
    name="retailstack_views_total",
    kind="counter",
    meaning="Views answered.",
    action="Compare with the requests of reading calls: more means handlers were run again.",
)
POOL_IN_USE = Metric(
    name="retailstack_mongo_connections_in_use",
    kind="gauge",
    meaning="Connections to the database that are checked out now.",
    action="Always at the limit: raise the pool, or find the slow query.",
)
RELAY_PENDING = Metric(
    name="retailstack_relay_pending",
    kind="gauge",
    meaning="Committed events that are not confirmed by the broker yet, as seen at the last look.",
    action="Growing: is the broker up, does a queue refuse (reject-publish), does a relay hold each shard?",
)
RELAY_LAG_SECONDS = Metric(
    name="retailstack_relay_lag_seconds",
    kind="gauge",
    meaning="Age in seconds of the oldest event that is not confirmed yet; 0 when there is none.",
    action="Above a few seconds subscribers act late: see retailstack_relay_pending.",
)
RELAY_PUBLISHED = Metric(
    name="retailstack_relay_published_total",
    kind="counter",
    meaning="Events confirmed by the broker.",
    action="Flat while retailstack_relay_pending grows: the broker does not take them.",
)
CONSUMED = Metric(
    name="retailstack_consumed_total",
    kind="counter",
    labels=("queue", "outcome"),
    meaning="Messages handled, by queue and outcome: handled, repeated, later, never.",
    action="later is retried; never lies in the dead-letter queue: `stackctl events dead`.",
)
QUEUE_DEPTH = Metric(
    name="retailstack_queue_depth",
    kind="gauge",
    labels=("queue",),
    meaning="Messages that wait in a queue of this service.",
    action="Growing: the consumer is down, paused by maintenance, or too slow.",
)
DEAD_MESSAGES = Metric(
    name="retailstack_dead_messages",
    kind="gauge",
    labels=("queue",),
    meaning="Messages of a queue of this service that its consumer gave up.",
    action="Above 0: `stackctl events dead` says why; once the cause is gone, `stackctl events replay QUEUE`.",
)
CONSUMER_STOPPED = Metric(
    name="retailstack_consumer_stopped",
    kind="gauge",
    labels=("queue",),
    meaning="1 while a consumer of this replica handles one message in 30 seconds only, as most before failed, else 0.",
    action="The log line “a consumer stops” has the last reason. It goes on by itself after the first success.",
)
JOB_RUNS = Metric(
    name="retailstack_job_runs_total",
    kind="counter",
    labels=("job", "outcome"),
    meaning="Runs of scheduled jobs, by outcome: done, failed.",
    action="failed: the log has the cause; run it by hand with `stackctl job run` once it is mended.",
)
WORK_DEPTH = Metric(
    name="retailstack_work_items",
    kind="gauge",
    labels=("queue", "lane", "state"),
    meaning="Work items by queue, lane and state: ready, later, leased, parked, dead; counted up to 100 000.",
    action="ready grows: add replicas, or see why runs are slow or fail. dead above 0: `stackctl work dead`.",
)
WORK_OLDEST_SECONDS = Metric(
    name="retailstack_work_oldest_seconds",
    kind="gauge",
    labels=("queue", "lane"),
    meaning="For how many seconds the first ready item has been due; 0 when none is ready.",
    action="Growing with idle workers: is a maintenance window active, is the org being vacuumed, do claims fail?",
)
WORK_RUNS = Metric(
    name="retailstack_work_runs_total",
    kind="counter",
    labels=("queue", "outcome"),
    meaning="Runs of workers, by outcome: done, continued, failed, dead, lost, released.",
    action="failed: `last_error` of the item and the log say why. lost: leases expire under load, or clocks differ.",
)
WORK_SECONDS = Metric(
    name="retailstack_work_seconds",
    kind="histogram",
    labels=("queue",),
    buckets=(0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0),
    meaning="Seconds one run of a worker took, its end settled.",
    action="Near the queue's limit runs are cut off: let the worker save progress and return `Continue()` sooner.",
)
WORK_BUSY = Metric(
    name="retailstack_work_busy",
    kind="gauge",
    labels=("queue",),
    meaning="Handlers of a queue at work in this replica.",
    action="Always at the worker's concurrency while retailstack_work_oldest_seconds grows: add replicas.",
)
RPC_REQUESTS = Metric(
    name="retailstack_rpc_requests_total",
    kind="counter",
    labels=("method", "code"),
    meaning="Answered gRPC calls, by method and status code.",
    action="unavailable and internal: look at the service that answers.",
)
RPC_SECONDS = Metric(
    name="retailstack_rpc_seconds",
    kind="histogram",
    labels=("method",),
    meaning="Seconds a gRPC call took in the service that answers.",
    action="Callers have deadlines: above them they see 503.",
)
PART_UP = Metric(
    name="retailstack_part_up",
    kind="gauge",
    labels=("part",),
    meaning="1 if a part of the process (database, bus, a resource …) answered when readiness last asked it, else 0.",
    action="0: the process is not ready; the log has the cause, beside the part's name.",
)
CPU_WAITING = Metric(
    name="retailstack_cpu_waiting",
    kind="gauge",
    meaning="Computations that wait for a child process of the CPU pool now.",
    action="Growing: raise CPU_PROCESSES where processors are free, or add replicas.",
)
CPU_RUNS = Metric(
    name="retailstack_cpu_runs_total",
    kind="counter",
    labels=("outcome",),
    meaning="Computations of the CPU pool, by outcome: done, failed, late (past its deadline), killed, refused (full).",
    action="killed: the kernel's log says whether memory ran out. late: see which input is that large.",
)
GATE_CLOSED = Metric(
    name="retailstack_gate_closed",
    kind="gauge",
    meaning="1 while a maintenance window closes this process, else 0.",
    action="Closed without a window: `stackctl maintenance list`.",
)
LOOP_LAG = Metric(
    name="retailstack_loop_lag_seconds",
    kind="histogram",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
    meaning="How late a timer of the event loop was: the time that every call of the process waited for one of them.",
    action='Above 0.025: the log line "the event loop was held up" names the call; CPU work belongs into a CpuPool.',
)
LOOP_HELD = Metric(
    name="retailstack_loop_held_seconds",
    kind="histogram",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.015, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1.0, 2.5),
    meaning="The part of that lag in which the loop computed: CPU time of its thread, so a busy machine adds none.",
    action="As for retailstack_loop_lag_seconds. Lag without it: other programs or threads have the processor.",
)
LOOP_LAG_LARGEST = Metric(
    name="retailstack_loop_lag_largest_seconds",
    kind="gauge",
    meaning="The largest lag of the event loop since the process started.",
    action="As for retailstack_loop_lag_seconds. A machine with too few processors makes it large too.",
)
LOOP_HELD_LARGEST = Metric(
    name="retailstack_loop_held_largest_seconds",
    kind="gauge",
    meaning="The most CPU time that the event loop itself took at once since the process started.",
    action="As for retailstack_loop_lag_seconds.",
)
RESIDENT_BYTES = Metric(
    name="retailstack_resident_bytes",
    kind="gauge",
    meaning="Resident memory of the process.",
    action="Growing without end is a leak: compare two heap dumps.",
)

METRICS: tuple[Metric, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
