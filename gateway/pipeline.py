"""The path of a request through the gateway, top to bottom: id → credential → caller → org → gate → rate → proxy.

Checks come in the contract's order: size and kind (413, 415), credential (401), maintenance and rates (503, 429), org
(404); then the gateway's own 400s, and the rest is the service's (403 and on). A contradiction found early waits for
its turn.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter, time_ns

from aiohttp import web
from aiohttp.http import HttpVersion11
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_request import BaseRequest

from chassis.caller import ANONYMOUS, Caller
from chassis.clock import Clock
from chassis.errors import InternalError, MethodNotAllowed, NotFound, Refusal, invalid_field
from chassis.gate import Gate
from chassis.ids import IDS
from chassis.telemetry.log import get_logger
from chassis.telemetry.trace import span, trace_begun_by, traceparent_of
from gateway.caller import credential, fields, named_code
from gateway.caller.credential import Credential
from gateway.caller.request_credentials import RequestCredentials
from gateway.caller.resolve import Resolution, Resolver
from gateway.http import body as bodies
from gateway.http.cors import Cors
from gateway.http.exchange import Exchange
from gateway.http.headers import Inbound
from gateway.http.refusals import Refusals
from gateway.limits.admission import Admission
from gateway.limits.rates import Rates
from gateway.routes import RouteTable, UpstreamRoute
from gateway.settings import GatewaySettings
from gateway.telemetry.access import AccessLog
from gateway.telemetry.counts import Counts
from gateway.upstream.port import UpstreamError
from gateway.upstream.proxy import Proxy, Response
from gateway.upstream.upstream_request import UpstreamRequests

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
GONE = 499
"""The status in the log of a request whose caller did not wait for the answer."""

_REQUEST_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")

PageHandler = Callable[[Exchange], Awaitable[Response]]
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
        pages: Mapping[str, Mapping[str, PageHandler]] | None = None,
    ) -> None:
        self.admission = Admission(settings.in_flight_max, settings.in_flight_reserve)
        self.draining = False
        self._settings = settings
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
        self._routes = RouteTable(settings)
        self._cors = Cors(settings.cors_origins)
        self._budget = bodies.Budget(settings.body_buffer_bytes)
        self._requests = UpstreamRequests(settings)

    async def handle(self, request: BaseRequest) -> Response:
        """The answer to a request, whatever happens on the way."""
        exchange = Exchange(request, _request_id(request), self._clock.now(), timing=self._settings.server_timing)
        exchange.peer = self._peer(request)
        self.admission.enter()
        try:
            given = traceparent_of(request.headers)
            with span(f"gateway {request.method}", "server", given) as traceparent:
                exchange.traceparent = traceparent or given or trace_begun_by(exchange.request_id)
                response = await self._answer(exchange)
            exchange.status = response.status
            if self.draining or "Upgrade" in request.headers:
                # No protocol but HTTP is spoken here; what follows such a request may be in another one.
                response.force_close()
            return response
        except UpstreamError:
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
        exchange = Exchange(request, _new_id(), self._clock.now(), timing=False)
        exchange.peer = self._peer(request)
        exchange.path = "/"
        exchange.status = refusal.status
        self._announce(exchange)
        response = self._refusals.answer(exchange, refusal, 0.0)
        self._counts.answered(exchange, 0.0)
        self._access.log(exchange)
        return response

    async def _answer(self, exchange: Exchange) -> Response:
        try:
            return await self._served(exchange)
        except (UpstreamError, ConnectionError):
            raise
        except (HttpProcessingError, web.RequestPayloadError):
            refusal: Refusal = invalid_field("body", "can't be read")
        except Refusal as raised:
            refusal = raised
        except Exception:
            # The cause stays here; the caller gets the request id, which finds it.
            log.exception("request failed", request_id=exchange.request_id, path=exchange.path)
            self._counts.surprised()
            refusal = InternalError()
        return self._refusals.answer(exchange, refusal, (perf_counter() - exchange.started) * 1000)

    async def _served(self, exchange: Exchange) -> Response:
        """What the path leads to: one of our own pages, or a service."""
        request = exchange.request
        if (origin := request.headers.get("Origin")) is not None:
            self._cors.mark(origin, exchange.own)
        self._announce(exchange)
        if request.version >= HttpVersion11 and "Host" not in request.headers:
            raise invalid_field("host", "is missing")
        if exchange.method not in METHODS:
            raise MethodNotAllowed("the method is not known", METHODS)
        if _shows(request, exchange.path):
            exchange.path = "/"
            raise NotFound("there is nothing at this path")
        exchange.accept_encoding = request.headers.get("Accept-Encoding", "")
        page = self._pages.get(exchange.path)
        route = None if page is not None else self._routes.find(exchange.method, exchange.path)
        if route is not None:
            exchange.service = route.service
        if exchange.method == "OPTIONS" and (page or route):
            return self._preflight(exchange, tuple(page) if page is not None else ("GET", "POST"))
        if route is not None:
            return await self._passed_on(exchange, route)
        if page is not None:
            return await self._own_page(exchange, page)
        raise NotFound("there is nothing at this path")

    async def _own_page(self, exchange: Exchange, page: Mapping[str, PageHandler]) -> Response:
        show = page.get("GET" if exchange.method == "HEAD" else exchange.method)
        if show is None:
            raise MethodNotAllowed("the method is not known here", tuple(page))
        exchange.inbound = Inbound(exchange.request.raw_headers)
        bodies.check_head(exchange.request, exchange.inbound.taken, self._settings.pack_bytes_max, raw=False)
        self.admission.check(reserved=exchange.method != "POST")
        return await show(exchange)

    async def _passed_on(self, exchange: Exchange, route: UpstreamRoute) -> Response:
        """Check a request for a service and forward it."""
        request = exchange.request
        if route.methods and exchange.method not in route.methods:
            raise MethodNotAllowed("the method is not known here", route.methods)
        inbound = exchange.inbound = Inbound(request.raw_headers, route.headers)
        announced = bodies.check_head(request, inbound.taken, route.body_bytes_max, raw=route.raw)
        self.admission.check(reserved=route.reserved)
        if not request.body_exists or request.content.is_eof():
            return await self._buffered(exchange, route)
        bodies.encourage(request, inbound.taken)
        if route.raw and (announced is None or announced > bodies.SMALL_BYTES):
            return await self._streamed(exchange, route, announced)
        if not route.open:
            await self._early(exchange)
        async with self._budget.room(route.body_bytes_max if announced is None else announced):
            return await self._buffered(exchange, route)

    async def _buffered(self, exchange: Exchange, route: UpstreamRoute) -> Response:
        """A call whose body, if it has one, is taken in whole."""
        payload = await bodies.read(exchange.request, route.body_bytes_max)
        exchange.body_bytes = len(payload)
        if not route.open:
            return await self._for_caller(exchange, route, payload)
        if not route.raw and fields.names_ours(payload):
            _, payload = fields.read_body(payload)
        return await self._for_anybody(exchange, route, payload)

    async def _streamed(self, exchange: Exchange, route: UpstreamRoute, announced: int | None) -> Response:
        """A large body that is none of our business: passed on as it arrives."""
        self._check_gate(route, None)
        exchange.body_bytes = announced or 0
        ask = self._requests.ask(exchange, route, ANONYMOUS, None, exchange.target)
        ask.stream = bodies.Limited(exchange.request.content, route.body_bytes_max)
        ask.length = announced
        return await self._proxy.forward(exchange, route.service, ask)

    async def _for_anybody(self, exchange: Exchange, route: UpstreamRoute, payload: bytes) -> Response:
        """A call that needs no session: the service knows its callers by other means."""
        self._check_gate(route, None)
        ask = self._requests.ask(exchange, route, ANONYMOUS, payload, exchange.target)
        return await self._proxy.forward(exchange, route.service, ask)

    async def _for_caller(self, exchange: Exchange, route: UpstreamRoute, payload: bytes) -> Response:
        """A call of somebody: each check in its turn, then on to the service."""
        claim = RequestCredentials(exchange.inbound, payload, exchange.target, may_probe=route.probe)
        if claim.probe:
            return await self._for_anybody(exchange, route, claim.payload)
        resolution = await self._resolved(exchange, claim.credential, claim.orgcode)
        exchange.mark("identity")
        self._check_gate(route, None)
        self._rates.take("credential", exchange.fingerprint, exchange.own)
        if claim.orgcode is not None:
            if resolution.membership is None:
                raise named_code.unknown_org()
            exchange.orgcode = claim.orgcode
            self._check_gate(route, claim.orgcode)
            self._rates.take("org", claim.orgcode, exchange.own)
        claim.check()
        exchange.cccode = claim.cccode
        caller = _caller(resolution, claim.cccode)
        exchange.mark("admission")
        ask = self._requests.ask(exchange, route, caller, claim.payload, claim.target)
        return await self._proxy.forward(exchange, route.service, ask)

    async def _early(self, exchange: Exchange) -> None:
        """Refuse an unknown credential in a header before the body is read."""
        taken = exchange.inbound.taken
        session, key = taken.get("x-session-guid"), taken.get("x-api-key")
        if session or key:
            found = credential.find(session, key, None, None).credential
            await self._resolved(exchange, found, named_code.named_code("orgcode", taken.get("x-orgcode")).code)

    async def _resolved(self, exchange: Exchange, found: Credential | None, orgcode: str | None) -> Resolution:
        """Whose credential it is; 401 where it is nobody's."""
        if found is None:
            raise credential.unknown()
        resolution = self._resolver.known(found, orgcode) or await self._resolver.resolve(found, orgcode)
        identity = resolution.identity
        if identity is None or (identity.expires_utc is not None and identity.expires_utc <= exchange.at_utc):
            raise credential.unknown()
        exchange.actor, exchange.fingerprint = identity.actor, resolution.fingerprint
        return resolution

    def _check_gate(self, route: UpstreamRoute, orgcode: str | None) -> None:
        if route.gated:
            self._gate.check(orgcode)

    def _announce(self, exchange: Exchange) -> None:
        """In the day before a maintenance window every answer says so."""
        if (notice := self._notice()) is not None:
            exchange.own["X-Maintenance-Scheduled"] = notice

    def _preflight(self, exchange: Exchange, allowed: tuple[str, ...]) -> web.Response:
        asked = "Access-Control-Request-Method" in exchange.request.headers
        if not asked or "Access-Control-Allow-Origin" not in exchange.own:
            raise MethodNotAllowed("the method is not known here", allowed)
        return self._cors.preflight(exchange.own_headers())

    def _peer(self, request: BaseRequest) -> str:
        """The caller's address: our peer's, or the one that so many trusted proxies in front of us have seen."""
        hops = self._settings.forwarded_hops
        if hops:
            listed = ",".join(request.headers.getall("X-Forwarded-For", ())).split(",")
            if len(listed) >= hops and (address := listed[-hops].strip()):
                return address[:64]
        return request.remote or ""


def _caller(resolution: Resolution, cccode: str | None) -> Caller:
    """Whom the gateway vouches for."""
    identity, member = resolution.identity, resolution.membership
    assert identity is not None
    if member is None:
        return Caller(kind=identity.kind, actor=identity.actor, cccode=cccode, fingerprint=resolution.fingerprint)
    return Caller(
        kind=identity.kind,
        actor=identity.actor,
        orgcode=member.orgcode,
        roles=member.roles,
        owner=member.owner,
        cccode=cccode,
        fingerprint=resolution.fingerprint,
    )


def _request_id(request: BaseRequest) -> str:
    """The caller's `X-Request-Id` if it is valid and contains no credential, else a new id."""
    given = request.headers.get("X-Request-Id")
    if given is not None and _REQUEST_ID.fullmatch(given) and not _shows(request, given):
        return given
    return _new_id()


def _new_id() -> str:
    return IDS.new_at(time_ns() // 1_000_000)


def _shows(request: BaseRequest, text: str) -> bool:
    """Whether a credential is also sent where it would be shown: as request id, in the path."""
    session, key = request.headers.get("X-Session-Guid"), request.headers.get("X-Api-Key")
    return bool((session and session in text) or (key and key in text) or "rsk_" in text)
