"""One request on its way through the gateway, with what the stages have found out so far."""

from time import perf_counter

from aiohttp.web_request import BaseRequest

from chassis.clock import Utc
from chassis.telemetry.trace import trace_begun_by
from gateway.http.headers import Inbound
from gateway.limits.admission import Admission

_NONE = Inbound(())


class Exchange:
    """A request, and what the stages of the pipeline have found out about it.

    service      the service that was asked, or `gateway`; refusals are answered in its envelope
    own          the gateway's own headers of the answer
    marks        stages that have ended, and when
    error_code   why the request was refused; None where it was not, or where the service gave no code
    call         the call that was refused, as `CallNames` knows it
    admission    counts the request as in flight; None before its body has come
    payload      the body of a request to one of the gateway's own pages
    """

    __slots__ = (
        "accept_encoding",
        "actor",
        "admission",
        "answer_bytes",
        "at_utc",
        "body_bytes",
        "call",
        "cccode",
        "error_code",
        "fingerprint",
        "inbound",
        "marks",
        "method",
        "orgcode",
        "own",
        "path",
        "payload",
        "peer",
        "replica",
        "request",
        "request_id",
        "service",
        "started",
        "status",
        "target",
        "timing",
        "traceparent",
    )

    def __init__(self, request: BaseRequest, request_id: str, at_utc: Utc, *, timing: bool) -> None:
        self.request = request
        self.method = request.method
        self.target = request._message.path
        self.path = self.target.partition("?")[0]
        self.request_id = request_id
        self.started = perf_counter()
        self.service = "gateway"
        self.at_utc = at_utc
        self.admission: Admission | None = None
        self.payload = b""
        self.actor: str | None = None
        self.fingerprint: str | None = None
        self.orgcode: str | None = None
        self.cccode: str | None = None
        self.traceparent: str | None = None
        self.inbound = _NONE
        self.accept_encoding = ""
        self.peer = ""
        self.replica = ""
        self.status = 0
        self.error_code: str | None = None
        self.call: str | None = None
        self.body_bytes = 0
        self.answer_bytes = 0
        self.own: dict[str, str] = {
            "X-Request-Id": request_id,
            "Server": "retailstack",
            "X-Content-Type-Options": "nosniff",
        }
        self.timing = timing
        self.marks: list[tuple[str, float]] = []

    def rename(self, request_id: str) -> None:
        """Take another request id, because the given one may not be shown. The trace begins anew with it."""
        if self.traceparent == trace_begun_by(self.request_id):
            self.traceparent = trace_begun_by(request_id)
        self.request_id = request_id
        self.own["X-Request-Id"] = request_id

    def admit(self, admission: Admission, *, reserved: bool) -> None:
        """Count the request as in flight from now on. Raises `Unavailable` if too many are."""
        admission.enter(reserved=reserved)
        self.admission = admission

    def mark(self, stage: str) -> None:
        """Note that a stage of the pipeline ends now."""
        if self.timing:
            self.marks.append((stage, perf_counter()))

    def own_headers(self) -> dict[str, str]:
        """The gateway's own headers of the answer, with the time each stage took (`Server-Timing`, milliseconds)."""
        if self.timing:
            before, parts = self.started, []
            for stage, at in self.marks:
                parts.append(f"{stage};dur={(at - before) * 1000:.2f}")
                before = at
            parts.append(f"total;dur={(perf_counter() - self.started) * 1000:.2f}")
            self.own["Server-Timing"] = ", ".join(parts)
        return self.own

    def cut(self) -> None:
        """Abort the connection in the middle of an answer, so that the caller does not take it for complete."""
        if (transport := self.request.transport) is not None:
            transport.abort()
