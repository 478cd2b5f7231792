"""The one path of a request, top to bottom, each step one call.

    body within its limit, JSON and uncompressed   413, 415
    signed caller header                           401
    maintenance gate                               503
    role                                           401, 403
    body or query decoded, context held together   400
    handler, within a view or a change             404, 428, 409 …
    envelope

Which org the caller belongs to the gateway has decided; the token says it.
"""

import re
from collections.abc import Mapping, Sequence
from time import perf_counter, time

import msgspec
from aiohttp import web
from aiohttp.web import BaseRequest
from msgspec import UNSET, Struct

from chassis.caller import ANONYMOUS, Call, Caller
from chassis.clock import Clock
from chassis.endpoint import Endpoint
from chassis.errors import (
    InternalError,
    Invalid,
    MethodNotAllowed,
    NotFound,
    Refusal,
    Unauthorized,
    Unavailable,
    invalid_field,
)
from chassis.http.body import read_body
from chassis.http.decode import Decoded
from chassis.http.envelope import Stats
from chassis.http.idempotency import EncodedReply, IdempotencyStore
from chassis.http.meter import RequestMeter
from chassis.http.route import DocumentPages, HttpContext, Route, runner
from chassis.http.token import HEADER, verify
from chassis.ids import new_id
from chassis.mongo.errors import DatabaseError
from chassis.telemetry import trace
from chassis.telemetry.log import get_logger
from chassis.telemetry.names import UNEXPECTED_ERRORS

IN_FLIGHT_MAX = 2000
"""Requests worked on at once; above it callers are told to come back."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_JSON = "application/json"

log = get_logger("chassis.http")


class _Visit:
    """One request on its way through; what is known of it so far goes into its stats, whatever becomes of it."""

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
        self.request_id = ""
        self.traceparent: str | None = None

    def known_id(self) -> str:
        """The id the request came with, or a new one."""
        if not self.request_id:
            given = self.headers.get("x-request-id", "")
            self.request_id = given if _REQUEST_ID.fullmatch(given) else new_id(self.started_utc)
        return self.request_id


class Dispatcher:
    """Answers the requests of one service."""

    def __init__(self, endpoints: Sequence[Endpoint], http_context: HttpContext, pages: DocumentPages) -> None:
        self._http_context = http_context
        self._pages = pages
        self._gate = http_context.gate
        self._meter = RequestMeter(http_context.metrics)
        self._surprises = http_context.metrics.counter(UNEXPECTED_ERRORS).labels("http")
        self._routes: dict[tuple[str, str], Route] = {}
        self._actions: dict[tuple[str, str], dict[str, Route]] = {}
        self._methods: dict[str, list[str]] = {}
        idempotency_store = IdempotencyStore(http_context.units)
        for endpoint in endpoints:
            self._add(Route(endpoint, runner(endpoint, http_context, idempotency_store), http_context.synonyms))

    @property
    def in_flight(self) -> int:
        """Requests that are being worked on."""
        return self._meter.in_flight

    async def handle(self, request: BaseRequest) -> web.Response:
        """Answer a request: whatever becomes of it, in the envelope."""
        visit = _Visit(request.headers, request.raw_path, self._http_context.clock)
        route = self._routes.get((request.method, visit.path))
        if route is None:
            return self._elsewhere(request, visit)
        visit.call = route.call
        self._meter.begin()
        try:
            with trace.span(route.call, "server", trace.traceparent_of(visit.headers)) as traceparent:
                visit.traceparent = traceparent or trace.traceparent_of(visit.headers)
                reply = await self._answer(request, visit, route)
        except Refusal as refusal:
            reply = self._refused(refusal)
        except DatabaseError as failure:
            self._enter(visit)
            log.warning("the database failed", problem=repr(failure))
            reply = self._refused(Unavailable("the database can't be reached"))
        except Exception:
            # The border: whatever a handler's defect is, its caller gets an envelope and none of its details.
            self._enter(visit)
            log.exception("a request failed unexpectedly")
            self._surprises.inc()
            reply = self._refused(InternalError())
        except BaseException:
            self._meter.abandon()
            raise
        seconds = perf_counter() - visit.started
        self._meter.end(visit.call, reply.status, seconds)
        return self._respond(visit, reply, seconds)

    async def _answer(self, request: BaseRequest, visit: _Visit, route: Route) -> EncodedReply:
        if self._meter.in_flight > IN_FLIGHT_MAX:
            raise Unavailable("too many calls are being worked on")
        body = await read_body(request, route.body_bytes_max)
        visit.caller, visit.request_id = self._identify(visit)
        if self._gate is not None:
            self._gate.check(visit.caller.orgcode)
        if (route.method, visit.path) in self._actions:
            route = self._pick(route, visit, body)
            visit.call = route.call
        route.admit(visit.caller)
        decoded = _decode(route, visit, body)
        call = _call_of(route, visit, decoded)
        self._enter(visit)
        return await route.run(call, decoded.body)

    def explain(self, status: int) -> web.Response:
        """The answer to what is no HTTP at all, by the status aiohttp finds fitting."""
        visit = _Visit({}, "", self._http_context.clock)
        refusal: Refusal = Invalid("the request is not HTTP as it should be") if status < 500 else InternalError()
        self._meter.end_elsewhere(refusal.status)
        return self._respond(visit, self._refused(refusal), perf_counter() - visit.started)

    def _identify(self, visit: _Visit) -> tuple[Caller, str]:
        token = visit.headers.get(HEADER)
        if token is None:
            raise Unauthorized("the caller header is missing")
        return verify(token, self._http_context.caller_key, time())

    def _pick(self, first: Route, visit: _Visit, body: bytes) -> Route:
        """The route of the action that the body names."""
        routes = self._actions[first.method, visit.path]
        try:
            named = msgspec.json.decode(body or b"{}", type=_Action)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise Invalid("the body can't be read") from None
        route = routes.get(named.action or "")
        if route is None:
            raise invalid_field("action", "is required" if named.action is None else "is not a known action")
        return route

    def _enter(self, visit: _Visit) -> None:
        trace.enter(trace.Scope(visit.known_id(), visit.call, visit.traceparent))

    def _refused(self, refusal: Refusal) -> EncodedReply:
        return EncodedReply(status=refusal.status, body=self._http_context.envelope.error(refusal), refusal=refusal)

    def _respond(self, visit: _Visit, reply: EncodedReply, seconds: float) -> web.Response:
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
        headers = {
            "Content-Type": _JSON,
            "Cache-Control": "no-store",
            "X-Request-Id": visit.request_id,
            "Server": "retailstack",
        }
        if reply.refusal is not None:
            headers.update(reply.refusal.headers())
        if reply.replayed:
            headers["Idempotent-Replayed"] = "true"
        return web.Response(status=reply.status, body=wrap(reply.body, stats), headers=headers)

    def _elsewhere(self, request: BaseRequest, visit: _Visit) -> web.Response:
        """What is at a path that is no endpoint for this method: a document, another method, or nothing."""
        if request.method in {"GET", "HEAD"} and (page := self._pages.find(visit.path)) is not None:
            return web.Response(body=page.body, headers={"Content-Type": page.content_type})
        allowed = self._methods.get(visit.path)
        if allowed is None:
            refusal: Refusal = NotFound("there is no such path")
        elif request.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": ", ".join(allowed)})
        else:
            refusal = MethodNotAllowed(f"this path takes {' and '.join(allowed)}", allowed)
        reply = self._refused(refusal)
        seconds = perf_counter() - visit.started
        self._meter.end_elsewhere(reply.status)
        return self._respond(visit, reply, seconds)

    def _add(self, route: Route) -> None:
        """Both below the service's base path, as callers see it, and without it."""
        base = f"/{self._http_context.service}"
        below = route.endpoint.path.removeprefix(base) if route.endpoint.path.startswith(f"{base}/") else ""
        tail = below or ("" if route.endpoint.path == base else route.endpoint.path)
        for path in {base + tail, tail or "/"}:
            methods = self._methods.setdefault(path, ["OPTIONS"])
            for method in (route.method, "HEAD") if route.method == "GET" else (route.method,):
                if route.endpoint.action:
                    self._actions.setdefault((method, path), {})[route.endpoint.action] = route
                self._routes.setdefault((method, path), route)
                if method not in methods:
                    methods.insert(-1, method)


class _Action(Struct, frozen=True):
    action: str | None = None


def _decode(route: Route, visit: _Visit, body: bytes) -> Decoded:
    if body or route.method != "GET":
        if body and route.method == "GET" and visit.query:
            raise invalid_field("query", "can't stand beside a body")
        return route.decoder.from_body(body, visit.headers)
    return route.decoder.from_query(visit.query, visit.headers)


def _call_of(route: Route, visit: _Visit, decoded: Decoded) -> Call:
    """The call a request stands for, once its context agrees with the caller's."""
    context, caller = decoded.context, visit.caller
    orgcode = context.get("orgcode")
    if route.tenant and orgcode is not None and orgcode != caller.orgcode:
        raise invalid_field("orgcode", "differs from the caller's organisation")
    cccode = context.get("cccode")
    if cccode is not None and caller.cccode is not None and cccode != caller.cccode:
        raise invalid_field("cccode", "differs from the caller's cost centre")
    key = context.get("idempotency_key")
    return Call(
        caller=caller,
        name=route.call,
        request_id=visit.request_id,
        started_utc=visit.started_utc,
        facility=context.get("logical_guid"),
        channel=context.get("channel_code"),
        cccode=cccode or caller.cccode,
        idempotency_key=key,
        traceparent=visit.traceparent,
        peer=visit.peer,
    )
