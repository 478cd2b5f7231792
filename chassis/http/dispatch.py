"""Handles requests to JSON endpoints. The steps, in order, with the errors each may answer:

    announced size of the body, JSON, uncompressed 413, 415
    signed caller header                           401
    body read                                      413
    maintenance gate                               503
    role                                           401, 403
    token of the service's own                     400, 401
    body or query, context                         400
    handler, within a view or a change             404, 428, 409 …
    envelope

The gateway has checked that the caller belongs to the org named in the caller header.
"""

from collections.abc import Mapping, Sequence
from time import perf_counter

import msgspec
from aiohttp import web
from aiohttp.web import BaseRequest
from msgspec import Struct

from chassis.cpu_pool import CpuPool
from chassis.endpoint import BODY_BYTES_MAX, Endpoint, RawEndpoint
from chassis.errors import InternalError, Invalid, MethodNotAllowed, NotFound, Refusal, Unavailable, invalid_field
from chassis.http.body import check_head, read_body, too_large
from chassis.http.body_decoding import BodyDecoding
from chassis.http.decode import Decoded
from chassis.http.documents import Documents
from chassis.http.idempotency import EncodedReply, IdempotencyStore
from chassis.http.meter import IN_FLIGHT_MAX, RequestMeter
from chassis.http.own_token import token_of
from chassis.http.raw.dispatch import RawDispatcher
from chassis.http.route import HttpContext, Route, identifier, paths_of, runner
from chassis.http.static import StaticFiles, write_file
from chassis.http.visit import Responder, Visit, common_headers
from chassis.static import StaticFolder
from chassis.telemetry import trace
from chassis.telemetry.notes import note


class Dispatcher:
    """Answers the requests of one service."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        http_context: HttpContext,
        documents: Documents,
        *,
        raw: Sequence[RawEndpoint] = (),
        folders: Sequence[StaticFolder] = (),
    ) -> None:
        self._http_context = http_context
        self._documents = documents
        self._gate = http_context.gate
        self._body_decoding = BodyDecoding(_cpu_for(endpoints, http_context))
        self._meter = RequestMeter(http_context.metrics)
        self._responder = Responder(http_context)
        self._routes: dict[tuple[str, str], Route] = {}
        self._actions: dict[tuple[str, str], dict[str, Route]] = {}
        self._bytes_max: dict[tuple[str, str], int] = {}
        self._methods: dict[str, list[str]] = {}
        idempotency_store = IdempotencyStore(http_context.units)
        for endpoint in endpoints:
            run = runner(endpoint, http_context, idempotency_store)
            self._add(Route(endpoint, run, http_context.synonyms, identifier(endpoint, http_context)))
        self._raw = RawDispatcher(raw, http_context, self._responder, self._meter)
        self._files = StaticFiles(folders, http_context.service, self._responder, self._meter)

    @property
    def in_flight(self) -> int:
        """Number of requests in progress."""
        return self._meter.in_flight

    async def handle(self, request: BaseRequest) -> web.StreamResponse:
        """The response to a request; errors of any kind are answered in the envelope."""
        visit = Visit(request.headers, request.raw_path, self._http_context.clock)
        route = self._routes.get((request.method, visit.path))
        if route is None:
            return await self._handle_other(request, visit)
        visit.call = route.call
        note(route.call)
        self._meter.begin()
        try:
            with trace.span(route.call, "server", trace.traceparent_of(visit.headers)) as traceparent:
                visit.traceparent = traceparent or trace.traceparent_of(visit.headers)
                reply = await self._answer(request, visit, route)
        except Exception as failure:  # noqa: BLE001  callers get an error in the envelope, the log gets the cause
            reply = self._responder.refused(self._responder.refusal_of(visit, failure))
        except BaseException:
            self._meter.abandon()
            raise
        seconds = perf_counter() - visit.started
        self._meter.end(visit.call, reply.status, seconds)
        return self._responder.respond(visit, reply, seconds)

    async def _answer(self, request: BaseRequest, visit: Visit, route: Route) -> EncodedReply:
        if self._meter.in_flight > IN_FLIGHT_MAX:
            raise Unavailable("too many calls are being worked on")
        place = (route.method, visit.path)
        bytes_max = self._bytes_max[place]
        check_head(request, bytes_max)
        visit.identify(self._http_context.verify)
        body = await read_body(request, bytes_max)
        actions = self._actions.get(place)
        chosen = route if actions is None else _chosen(actions, body)
        if self._gate is not None:
            self._gate.check(visit.caller.orgcode)
        if isinstance(chosen, Invalid):
            raise chosen
        route, visit.call = chosen, chosen.call
        route.admit(visit.caller)
        if route.identify is not None:
            visit.enter()
            visit.token = None
            visit.caller = await route.identify(token_of(route.endpoint, visit.headers, visit.query, body))
        decoded = await self._decoded(route, visit, body)
        call = visit.call_for(decoded, tenant=route.tenant)
        visit.enter()
        return await route.run(call, decoded.body)

    async def _decoded(self, route: Route, visit: Visit, body: bytes) -> Decoded:
        if not body and route.method == "GET":
            return route.decoder.from_query(visit.query, visit.headers)
        if body and route.method == "GET" and visit.query:
            raise invalid_field("query", "can't stand beside a body")
        return await self._body_decoding.decode(route.decoder, body, visit.headers, visit.caller.orgcode or "")

    def explain(self, status: int) -> web.Response:
        """The response to bytes that are not valid HTTP; `status` is what aiohttp suggests."""
        visit = Visit({}, "", self._http_context.clock)
        refusal: Refusal = Invalid("the request is not HTTP as it should be") if status < 500 else InternalError()
        self._meter.end_elsewhere(refusal.status)
        return self._responder.respond(visit, self._responder.refused(refusal), perf_counter() - visit.started)

    async def _handle_other(self, request: BaseRequest, visit: Visit) -> web.StreamResponse:
        """The response where no JSON endpoint matches: raw endpoint, static file, document, 405 or 404."""
        if (match := self._raw.find(request.method, visit.path)) is not None:
            return await self._raw.handle(request, visit, match)
        if (file := self._files.find(request.method, visit.path)) is not None:
            return await self._files.handle(request, visit, file)
        if request.method in {"GET", "HEAD"} and self._documents.has(visit.path):
            headers = {**common_headers(visit), "Cache-Control": "no-cache"}
            return await write_file(request, await self._documents.at(visit.path), headers)
        allowed = self._allowed(visit.path)
        if not allowed:
            refusal: Refusal = NotFound("there is no such path")
        elif request.method == "OPTIONS":
            return web.Response(status=204, headers={"Allow": ", ".join(allowed)})
        else:
            refusal = MethodNotAllowed(f"this path takes {' and '.join(allowed)}", allowed)
        reply = self._responder.refused(refusal)
        seconds = perf_counter() - visit.started
        self._meter.end_elsewhere(reply.status)
        return self._responder.respond(visit, reply, seconds)

    def _allowed(self, path: str) -> list[str]:
        """The methods that a path takes; empty where there is no such path."""
        found = [*self._methods.get(path, ()), *self._raw.methods(path), *self._files.methods(path)]
        return [*dict.fromkeys(found), "OPTIONS"] if found else []

    def _add(self, route: Route) -> None:
        """Register a route under its path as callers see it, and without the service's base path."""
        for path in paths_of(self._http_context.service, route.endpoint.path):
            methods = self._methods.setdefault(path, [])
            for method in (route.method, "HEAD") if route.method == "GET" else (route.method,):
                place = (method, path)
                if route.endpoint.action:
                    self._actions.setdefault(place, {})[route.endpoint.action] = route
                self._routes.setdefault(place, route)
                self._bytes_max[place] = max(self._bytes_max.get(place, 0), route.body_bytes_max)
                if method not in methods:
                    methods.append(method)


def _cpu_for(endpoints: Sequence[Endpoint], http_context: HttpContext) -> CpuPool | None:
    """The child processes that split bodies above the usual limit.

    Raises `NotProvided` if an endpoint takes such bodies and its service has no `cpu_pool` among its resources.
    """
    if all(endpoint.body_bytes_max <= BODY_BYTES_MAX for endpoint in endpoints):
        return None
    return http_context.provided.get(CpuPool)


class _Action(Struct, frozen=True):
    action: str | None = None


def _chosen(routes: Mapping[str, Route], body: bytes) -> Route | Invalid:
    """The route of the action that the body names, or the error to answer after the caller is verified.

    Raises `TooLarge` if the body is over the limit of that action.
    """
    try:
        named = msgspec.json.decode(body or b"{}", type=_Action)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Invalid("the body can't be read")
    route = routes.get(named.action or "")
    bytes_max = BODY_BYTES_MAX if route is None else route.body_bytes_max
    if len(body) > bytes_max:
        raise too_large(bytes_max)
    if route is None:
        return invalid_field("action", "is required" if named.action is None else "is not a known action")
    return route
