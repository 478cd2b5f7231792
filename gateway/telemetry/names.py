"""The gateway's metrics: what each means and what to do when it looks wrong.

Labels are bounded: services, statuses, calls and error codes; never a path or an org.
"""

from chassis.telemetry.names import Metric

REQUESTS = Metric(
    name="retailstack_gateway_requests_total",
    kind="counter",
    labels=("service", "status"),
    meaning="Answered requests, by the service asked and the status; 499: the caller went away first.",
    action="503 of one service: is it up, is its breaker open (retailstack_gateway_replicas_out)?",
)
WORKER_RESTARTS = Metric(
    name="retailstack_gateway_worker_restarts_total",
    kind="counter",
    labels=(),
    meaning="Worker processes that ended by themselves and were started again, where a gateway has several.",
    action="The log has each one's exit code; a negative one is a signal: -9 is often a lack of memory.",
)
REFUSALS = Metric(
    name="retailstack_gateway_refusals_total",
    kind="counter",
    labels=("call", "code"),
    meaning="Refused requests, by call and error code, whether the gateway or the service refused them. The call is "
    "the service's name where the path cannot be a call.",
    action="A code that jumps for one call: take a request id with this error_code from the access log; 401 and 403 of "
    "many callers point to expired credentials or changed roles, 429 to a caller over its rate.",
)
REQUEST_SECONDS = Metric(
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
UNEXPECTED_ERRORS = Metric(
    name="retailstack_gateway_unexpected_errors_total",
    kind="counter",
    meaning="Requests that ended in an unexpected exception.",
    action="Each is a defect: find its request id in the log.",
)
