"""The path of a request through the gateway, top to bottom: id → credential → caller → org → gate → rate → proxy.

Checks come in the contract's order: size and kind (413, 415), credential (401), maintenance and rates (503, 429), org
(404); then the gateway's own 400s, and the rest is the service's (403 and on). A contradiction found early waits for
its turn.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter, time

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_request import BaseRequest
from msgspec.structs import replace

from chassis.caller import ANONYMOUS, Caller
from chassis.clock import Clock
from chassis.errors import FieldProblem, InternalError, Invalid, MethodNotAllowed, NotFound, Refusal
from chassis.gate import Gate
from chassis.http.token import HEADER as CALLER_HEADER
from chassis.http.token import sign
from chassis.ids import new_id
from chassis.telemetry.log import get_logger
from chassis.telemetry.trace import span, traceparent_of
from gateway import body as bodies
from gateway import context, credential, fields
from gateway.access import AccessLog
from gateway.admission import Admission
from gateway.cors import Cors
from gateway.counts import Counts
from gateway.credential import Credential
from gateway.exchange import Exchange
from gateway.fields import NOTHING, Fields
from gateway.headers import Inbound
from gateway.hop import Ask, HopFailed
from gateway.proxy import Proxy
from gateway.rates import Rates
from gateway.refusals import Refusals
from gateway.resolve import Membership, Resolver
from gateway.routes import Route, Routes
from gateway.settings import GatewaySettings

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
GONE = 499
"""The status in the log of a request whose caller did not wait for the answer."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_CALLER = CALLER_HEADER.encode()

Page = Callable[[Exchange], Awaitable[web.StreamResponse]]
"""A page of the gateway's own: documents and MCP."""

log = get_logger("gateway.pipeline")


class Pipeline:
    """Takes requests, gives answers."""

    def __init__(
        self,
        settings: GatewaySettings,
        clock: Clock,
        *,
        resolver: Resolver,
        proxy: Proxy,
        gate: Gate,
        rates: Rates,
        refusals: Refusals,
        counts: Counts,
        access: AccessLog,
        notice: Callable[[], str | None] = lambda: None,
        pages: Mapping[str, Mapping[str, Page]] | None = None,
    ) -> None:
        self.admission = Admission(settings.in_flight_max, settings.in_flight_reserve)
        self.draining = False
        self._settings = settings
        self._key = str(settings.caller_key)
        self._clock = clock
        self._resolver = resolver
        self._proxy = proxy
        self._gate = gate
        self._rates = rates
        self._refusals = refusals
        self._counts = counts
        self._access = access
        self._notice = notice
        self._pages = pages or {}
        self._routes = Routes(settings)
        self._cors = Cors(settings.cors_origins)
        self._budget = bodies.Budget(settings.body_buffer_bytes)

    async def handle(self, request: BaseRequest) -> web.StreamResponse:
        """The answer to a request, whatever happens on the way."""
        exchange = Exchange(request, self._request_id(request), timing=self._settings.server_timing)
        exchange.peer = self._peer(request)
        self.admission.enter()
        try:
            with span(f"gateway {request.method}", "server", traceparent_of(request.headers)) as traceparent:
                exchange.traceparent = traceparent or traceparent_of(request.headers)
                response = await self._answer(exchange)
            exchange.status = response.status
            if self.draining:
                response.force_close()
            return response
        except HopFailed:
            # The answer was cut short after its head was out; the connection is gone already.
            raise ConnectionResetError from None
        except (asyncio.CancelledError, ConnectionError):
            exchange.status = GONE
            raise
        finally:
            self.admission.leave()
            self._counts.answered(exchange, perf_counter() - exchange.started)
            self._access.log(exchange)

    def refuse(self, request: BaseRequest, refusal: Refusal) -> web.Response:
        """The answer to what is no proper request."""
        exchange = Exchange(request, new_id(self._clock.now()), timing=False)
        exchange.peer = self._peer(request)
        exchange.path = "/"
        exchange.status = refusal.status
        response = self._refusals.answer(exchange, refusal, 0.0)
        self._counts.answered(exchange, 0.0)
        self._access.log(exchange)
        return response

    async def _answer(self, exchange: Exchange) -> web.StreamResponse:
        try:
            return await self._served(exchange)
        except (HopFailed, ConnectionError):
            raise
        except (HttpProcessingError, web.RequestPayloadError):
            refusal: Refusal = Invalid("the body can't be read")
        except Refusal as raised:
            refusal = raised
        except Exception:
            # The cause stays here; the caller gets the request id, which finds it.
            log.exception("request failed", request_id=exchange.request_id, path=exchange.path)
            self._counts.surprised()
            refusal = InternalError()
        return self._refusals.answer(exchange, refusal, (perf_counter() - exchange.started) * 1000)

    async def _served(self, exchange: Exchange) -> web.StreamResponse:
        """What the path leads to: one of our own pages, or a service."""
        request = exchange.request
        if (origin := request.headers.get("Origin")) is not None:
            self._cors.mark(origin, exchange.own)
        if (notice := self._notice()) is not None:
            exchange.own["X-Maintenance-Scheduled"] = notice
        if exchange.method not in METHODS:
            raise MethodNotAllowed("the method is not known", METHODS)
        exchange.accept_encoding = request.headers.get("Accept-Encoding", "")
        if _shows(request, exchange.path):
            exchange.path = "/"
            raise NotFound("there is nothing at this path")
        page = self._pages.get(exchange.path)
        route = None if page is not None else self._routes.find(exchange.method, exchange.path)
        if page is None and route is None:
            raise NotFound("there is nothing at this path")
        if route is not None:
            exchange.service = route.service
        if exchange.method == "OPTIONS":
            return self._preflight(exchange, page)
        inbound = Inbound(request.raw_headers, route.headers if route is not None else frozenset())
        exchange.inbound = inbound
        if route is not None:
            return await self._passed_on(exchange, route, inbound)
        assert page is not None
        return await self._own_page(exchange, page)

    async def _own_page(self, exchange: Exchange, page: Mapping[str, Page]) -> web.StreamResponse:
        show = page.get("GET" if exchange.method == "HEAD" else exchange.method)
        if show is None:
            raise MethodNotAllowed("the method is not known here", tuple(page))
        self.admission.check(reserved=exchange.method != "POST")
        bodies.check_head(exchange.request, exchange.inbound.taken, self._settings.pack_bytes_max, raw=False)
        return await show(exchange)

    async def _passed_on(self, exchange: Exchange, route: Route, inbound: Inbound) -> web.StreamResponse:
        """From here on it is a service's: who calls, may he now, and on it goes."""
        announced = bodies.check_head(exchange.request, inbound.taken, route.body_bytes_max, raw=route.raw)
        self.admission.check(reserved=route.reserved)
        if route.raw and (announced is None or announced > bodies.SMALL_BYTES) and exchange.request.body_exists:
            return await self._streamed(exchange, route, inbound, announced)
        reserved = await self._make_room(exchange, route, announced)
        try:
            if route.open:
                payload = await self._body(exchange, inbound, route)
                self._check_gate(route, None)
                if not route.raw and fields.names_ours(payload):
                    _, payload = fields.read_body(payload)
                return await self._forward(exchange, route, inbound, ANONYMOUS, payload)
            return await self._for_caller(exchange, route, inbound)
        finally:
            if reserved:
                self._budget.give_back(reserved)

    async def _for_caller(self, exchange: Exchange, route: Route, inbound: Inbound) -> web.StreamResponse:
        taken = inbound.taken
        header_session, header_key = taken.get("x-session-guid"), taken.get("x-api-key")
        if header_session or header_key:
            # Who is unknown by his header is refused before his body is read.
            early = credential.find(header_session, header_key, None, None)
            await self._identify(early.credential, context.named("orgcode", taken.get("x-orgcode"), None).code)
        payload = await self._body(exchange, inbound, route)
        body, payload = self._look_into(payload, taken, route)
        if route.probe and body.action == "ping":
            self._check_gate(route, None)
            return await self._forward(exchange, route, inbound, ANONYMOUS, payload)
        query, exchange.target = fields.read_query(exchange.target)
        given = _both(body, query)
        found = credential.find(header_session, header_key, body.session_guid, body.api_key)
        org = context.named("orgcode", taken.get("x-orgcode"), given.orgcode)
        cost = context.named("cccode", taken.get("x-cccode"), given.cccode)
        caller, membership = await self._identify(found.credential, org.code)
        exchange.caller = caller
        exchange.mark("identity")
        assert found.credential is not None
        self._check_gate(route, None)
        self._rates.take("credential", found.credential.digest, exchange.own)
        if org.code is not None:
            caller = self._admitted(caller, membership)
            exchange.orgcode = org.code
            self._check_gate(route, org.code)
            self._rates.take("org", org.code, exchange.own)
        _complain(inbound.problem, found.problem, org.problem, cost.problem, body.problem, query.problem)
        if cost.code is not None:
            caller = replace(caller, cccode=cost.code)
            exchange.cccode = cost.code
        exchange.caller = caller
        exchange.mark("admission")
        return await self._forward(exchange, route, inbound, caller, payload)

    async def _identify(self, found: Credential | None, orgcode: str | None) -> tuple[Caller, Membership | None]:
        """Whose credential it is; 401 where it is nobody's."""
        if found is None:
            raise credential.unknown()
        resolution = self._resolver.known(found, orgcode) or await self._resolver.resolve(found, orgcode)
        identity = resolution.identity
        if identity is None or (identity.expires_utc is not None and identity.expires_utc <= self._clock.now()):
            raise credential.unknown()
        caller = Caller(kind=identity.kind, actor=identity.actor, fingerprint=resolution.fingerprint)
        return caller, resolution.membership

    def _admitted(self, caller: Caller, membership: Membership | None) -> Caller:
        """The caller in the org; 404 where he has no part in it, or there is no such org."""
        if membership is None:
            raise context.stranger()
        return replace(caller, orgcode=membership.orgcode, roles=membership.roles, owner=membership.owner)

    def _look_into(self, payload: bytes, taken: Mapping[str, str], route: Route) -> tuple[Fields, bytes]:
        """The gateway's fields of the body, if there is a reason to look for them."""
        if not payload:
            return NOTHING, payload
        bare = "x-orgcode" not in taken or not ("x-session-guid" in taken or "x-api-key" in taken)
        if bare or route.probe or fields.names_ours(payload):
            return fields.read_body(payload)
        return NOTHING, payload

    def _check_gate(self, route: Route, orgcode: str | None) -> None:
        if route.gated:
            self._gate.check(orgcode)

    async def _make_room(self, exchange: Exchange, route: Route, announced: int | None) -> int:
        """Room in memory for the body, if it may be a large one."""
        if not exchange.request.body_exists or (announced is not None and announced <= bodies.SMALL_BYTES):
            return 0
        if exchange.request.content.is_eof():
            return 0
        return await self._budget.take(announced if announced is not None else route.body_bytes_max)

    async def _body(self, exchange: Exchange, inbound: Inbound, route: Route) -> bytes:
        if not exchange.request.body_exists:
            return b""
        _encourage(exchange.request, inbound)
        payload = await bodies.read(exchange.request, route.body_bytes_max)
        exchange.body_bytes = len(payload)
        return payload

    async def _streamed(
        self, exchange: Exchange, route: Route, inbound: Inbound, announced: int | None
    ) -> web.StreamResponse:
        """A large body that is none of our business: passed on as it arrives."""
        self._check_gate(route, None)
        _encourage(exchange.request, inbound)
        exchange.body_bytes = announced or 0
        ask = self._ask(exchange, route, inbound, ANONYMOUS, None)
        ask.stream = bodies.Limited(exchange.request.content, route.body_bytes_max)
        ask.length = announced
        return await self._proxy.forward(exchange, route.service, ask)

    async def _forward(
        self, exchange: Exchange, route: Route, inbound: Inbound, caller: Caller, payload: bytes
    ) -> web.StreamResponse:
        ask = self._ask(exchange, route, inbound, caller, payload)
        return await self._proxy.forward(exchange, route.service, ask)

    def _ask(self, exchange: Exchange, route: Route, inbound: Inbound, caller: Caller, payload: bytes | None) -> Ask:
        """What the service is asked: the caller's own headers that pass, and what we vouch for."""
        headers = inbound.passed
        headers.append((_CALLER, sign(caller, exchange.request_id, self._key, time()).encode()))
        headers.append((b"x-request-id", exchange.request_id.encode()))
        if exchange.orgcode is not None:
            headers.append((b"x-orgcode", exchange.orgcode.encode()))
        if exchange.cccode is not None:
            headers.append((b"x-cccode", exchange.cccode.encode()))
        if exchange.traceparent is not None:
            headers.append((b"traceparent", exchange.traceparent.encode()))
        if route.raw and (coding := inbound.taken.get("content-encoding")) is not None:
            headers.append((b"content-encoding", coding.encode("utf-8", "surrogateescape")))
        if route.forwarded:
            headers += self._forwarded(exchange)
        return Ask(
            exchange.method,
            exchange.target,
            headers,
            payload,
            seconds=route.seconds,
            stream_seconds=self._settings.stream_seconds,
        )

    def _forwarded(self, exchange: Exchange) -> list[tuple[bytes, bytes]]:
        """Who calls and which address he called, for services that have to know."""
        request = exchange.request
        proto = request.headers.get("X-Forwarded-Proto", "") if self._settings.forwarded_hops else ""
        return [
            (b"x-forwarded-for", exchange.peer.encode()),
            (b"x-forwarded-host", request.headers.get("Host", "").encode("utf-8", "surrogateescape")),
            (b"x-forwarded-proto", b"https" if proto == "https" else b"http"),
        ]

    def _preflight(self, exchange: Exchange, page: Mapping[str, Page] | None) -> web.Response:
        allowed = tuple(page) if page is not None else ("GET", "POST")
        asked = "Access-Control-Request-Method" in exchange.request.headers
        if not asked or "Access-Control-Allow-Origin" not in exchange.own:
            raise MethodNotAllowed("the method is not known here", allowed)
        return self._cors.preflight(exchange.own_headers())

    def _request_id(self, request: BaseRequest) -> str:
        """The caller's own id for the request where it is one, and no secret of his; else a new one."""
        given = request.headers.get("X-Request-Id")
        if given is not None and _REQUEST_ID.fullmatch(given) and not _shows(request, given):
            return given
        return new_id(self._clock.now())

    def _peer(self, request: BaseRequest) -> str:
        """The caller's address: our peer's, or the one that so many trusted proxies in front of us have seen."""
        hops = self._settings.forwarded_hops
        if hops:
            listed = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
            if len(listed) >= hops and (address := listed[-hops].strip()):
                return address[:64]
        return request.remote or ""


def _shows(request: BaseRequest, text: str) -> bool:
    """Whether a credential is also sent where it would be shown: as request id, in the path."""
    session, key = request.headers.get("X-Session-Guid"), request.headers.get("X-Api-Key")
    return bool((session and session in text) or (key and key in text) or "rsk_" in text)


def _both(body: Fields, query: Fields) -> Fields:
    """What body and query say together; the body goes first, and a contradiction is a problem of the query's."""
    if query is NOTHING:
        return body
    for name in ("orgcode", "cccode"):
        in_body, in_query = getattr(body, name), getattr(query, name)
        if in_body is not None and in_query is not None and in_body.upper() != in_query.upper():
            query.problem = Invalid(f"{name}: body and query differ", [FieldProblem(name, "body and query differ")])
    return Fields(orgcode=body.orgcode or query.orgcode, cccode=body.cccode or query.cccode)


def _complain(*problems: Invalid | None) -> None:
    """All that is malformed or contradicts itself, in one refusal."""
    found = [problem for problem in problems if problem is not None]
    if not found:
        return
    named = [field for problem in found for field in problem.details.get("fields", [])]
    raise Invalid("; ".join(problem.message for problem in found), named)


def _encourage(request: BaseRequest, inbound: Inbound) -> None:
    """Tell a caller who asked (`Expect: 100-continue`) to send his body."""
    if inbound.taken.get("expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
