"""One request and its response: what JSON and raw endpoints share."""

import re
from collections.abc import Callable, Mapping
from time import perf_counter

from aiohttp import web
from msgspec import UNSET

from chassis.auth.token import HEADER, Verified
from chassis.caller import ANONYMOUS, Call, Caller
from chassis.clock import Clock
from chassis.errors import DatabaseError, InternalError, Refusal, Unauthorized, Unavailable, invalid_field
from chassis.http.decode import Decoded
from chassis.http.envelope import Stats
from chassis.http.idempotency import EncodedReply
from chassis.http.route import HttpContext
from chassis.ids import new_id
from chassis.telemetry import trace
from chassis.telemetry.log import get_logger
from chassis.telemetry.names import UNEXPECTED_ERRORS

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_JSON = "application/json"

log = get_logger("chassis.http")


class Visit:
    """A request in progress, and what is known about it; goes into the stats of every answer."""

    __slots__ = (
        "call",
        "caller",
        "headers",
        "path",
        "peer",
        "query",
        "request_id",
        "started",
        "started_utc",
        "token",
        "traceparent",
    )

    def __init__(self, headers: Mapping[str, str], target: str, clock: Clock) -> None:
        self.started = perf_counter()
        self.started_utc = clock.now()
        self.headers = headers
        self.path, _, self.query = target.partition("?")
        self.peer = headers.get("x-forwarded-for")
        self.caller: Caller = ANONYMOUS
        self.call = "unknown"
        self.token: str | None = None
        self.request_id = ""
        self.traceparent: str | None = None

    def known_id(self) -> str:
        """The id the request came with, or a new one."""
        if not self.request_id:
            given = self.headers.get("x-request-id", "")
            self.request_id = given if _REQUEST_ID.fullmatch(given) else new_id(self.started_utc)
        return self.request_id

    def identify(self, verify: Callable[[str], Verified]) -> None:
        """Take the caller from the signed caller header; `Unauthorized` without a valid one."""
        token = self.headers.get(HEADER)
        if token is None:
            raise Unauthorized("the caller header is missing")
        verified = verify(token).for_http()
        self.caller, self.token = verified.caller, verified.token

    def enter(self) -> None:
        """Give the request's ids to log lines and spans from here on."""
        trace.enter(trace.Scope(self.known_id(), self.call, self.traceparent))

    def call_for(self, decoded: Decoded, *, tenant: bool) -> Call:
        """The call that this request is; `Invalid` where its context contradicts the caller's."""
        context, caller = decoded.context, self.caller
        orgcode = context.get("orgcode")
        if tenant and orgcode is not None and orgcode != caller.orgcode:
            raise invalid_field("orgcode", "differs from the caller's organisation")
        cccode = context.get("cccode")
        if cccode is not None and caller.cccode is not None and cccode != caller.cccode:
            raise invalid_field("cccode", "differs from the caller's cost centre")
        key = context.get("idempotency_key")
        return Call(
            caller=caller,
            name=self.call,
            request_id=self.known_id(),
            started_utc=self.started_utc,
            facility=context.get("logical_guid"),
            channel=context.get("channel_code"),
            cccode=cccode or caller.cccode,
            idempotency_key=key,
            traceparent=self.traceparent,
            peer=self.peer,
            token=self.token,
        )


class Responder:
    """Writes answers and refusals in the service's envelope."""

    def __init__(self, http_context: HttpContext) -> None:
        self._http_context = http_context
        self._surprises = http_context.metrics.counter(UNEXPECTED_ERRORS).labels("http")

    def refusal_of(self, visit: Visit, failure: Exception) -> Refusal:
        """The error to answer for an exception. A defect is logged and answered without details."""
        if isinstance(failure, Refusal):
            return failure
        visit.enter()
        if isinstance(failure, DatabaseError):
            log.warning("the database failed", problem=repr(failure))
            return Unavailable("the database can't be reached")
        log.error("a request failed unexpectedly", exc_info=failure)
        self._surprises.inc()
        return InternalError()

    def refused(self, refusal: Refusal) -> EncodedReply:
        """The encoded reply for an error."""
        return EncodedReply(status=refusal.status, body=self._http_context.envelope.error(refusal), refusal=refusal)

    def respond(self, visit: Visit, reply: EncodedReply, seconds: float) -> web.Response:
        """The HTTP response of a reply."""
        http_context = self._http_context
        stats = Stats(
            service=http_context.service,
            call=visit.call,
            timestamp_utc=visit.started_utc,
            request_id=visit.known_id(),
            session_fingerprint=visit.caller.fingerprint or UNSET,
            duration_ms=round(seconds * 1000, 3),
            build=http_context.build,
        )
        wrap = http_context.envelope.success if reply.status == 200 else http_context.envelope.failure
        headers = {"Content-Type": _JSON, **common_headers(visit)}
        if reply.refusal is not None:
            headers.update(reply.refusal.headers())
        if reply.replayed:
            headers["Idempotent-Replayed"] = "true"
        return web.Response(status=reply.status, body=wrap(reply.body, stats), headers=headers)


def common_headers(visit: Visit) -> dict[str, str]:
    """Default headers of every answer."""
    return {"Cache-Control": "no-store", "X-Request-Id": visit.known_id(), "Server": "retailstack"}
