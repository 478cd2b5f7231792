"""The path of a request through the gateway, top to bottom: id → credential → caller → org → gate → rate → proxy.

Checks come in the contract's order: size and kind (413, 415), credential (401), maintenance and rates (503, 429), org
(404), then the gateway's own 400s; the service checks the rest (403 and later). A contradiction that is found early is
reported in its place in this order.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from time import perf_counter

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_request import BaseRequest
from msgspec.structs import replace

from chassis.auth.token import Signer
from chassis.caller import ANONYMOUS
from chassis.clock import Clock
from chassis.endpoint import BODY_BYTES_MAX
from chassis.errors import InternalError, MethodNotAllowed, NotFound, Refusal, Unauthorized, invalid_field
from chassis.telemetry.log import get_logger
from chassis.telemetry.notes import note
from chassis.telemetry.trace import span, trace_begun_by, traceparent_of
from gateway.caller import credential, fields
from gateway.caller.authorization import Authorization
from gateway.caller.request_credentials import RequestCredentials
from gateway.caller.strangers import Strangers
from gateway.http import body as bodies
from gateway.http.cors import Cors
from gateway.http.exchange import Exchange
from gateway.http.headers import Inbound, check_version
from gateway.http.internal_peer import INTERNAL_PEER, InternalPeers
from gateway.http.refusals import Refusals
from gateway.http.request_id import hide_credentials, new_request_id, peer_of, request_id_of, shows_credential
from gateway.limits.admission import Admission
from gateway.limits.limits import Limits
from gateway.routes import RouteTable, UpstreamRoute
from gateway.settings import GatewaySettings
from gateway.telemetry.access import AccessLog
from gateway.telemetry.counts import Counts
from gateway.upstream.body_limits import BodyLimits
from gateway.upstream.port import UpstreamError
from gateway.upstream.proxy import Proxy, Response
from gateway.upstream.upstream_request import UpstreamRequests

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
GONE = 499
"""The status in the log where the caller closed the connection before the answer."""

PAGE_HEADERS = frozenset({b"x-secret-code", b"x-vg-token"})
"""Headers that pages of the gateway read beside the common ones."""

STRANGERS_SHARE = 4
"""The reciprocal of the share of the memory for larger bodies that callers who are not known yet may use."""

CREDENTIAL_BODY_BYTES_MAX = 1024 * 1024
"""Largest body that is searched for a credential; larger ones need it in a header."""

PageHandler = Callable[[Exchange], Awaitable[Response]]
"""Serves a page of the gateway itself: documents and MCP."""

log = get_logger("gateway.pipeline")


class Pipeline:
    """Answers requests."""

    def __init__(
        self,
        settings: GatewaySettings,
        clock: Clock,
        *,
        authorization: Authorization,
        strangers: Strangers,
        proxy: Proxy,
        refusals: Refusals,
        counts: Counts,
        access: AccessLog,
        notice: Callable[[], str | None] = lambda: None,
        pages: Mapping[str, Mapping[str, PageHandler]] | None = None,
        body_limits: BodyLimits,
        signer: Signer,
        limits: Limits,
    ) -> None:
        self.admission = limits.in_flight
        self.draining = False
        self._settings = settings
        self._clock = clock
        self._authorization = authorization
        self._strangers = strangers
        self._proxy = proxy
        self._refusals = refusals
        self._counts = counts
        self._access = access
        self._notice = notice
        self._pages = pages or {}
        self._body_limits = body_limits
        self._routes = RouteTable(settings)
        self._cors = Cors(settings.cors_origins)
        # Bodies that are still arriving, of calls that may turn out to be nobody's, leave the others their share.
        self._streams = limits.streams
        # Workers share the memory evenly.
        buffer_bytes = settings.body_buffer_bytes // settings.gateway_workers
        self._budget = bodies.Budget(buffer_bytes)
        self._strangers_budget = bodies.Budget(buffer_bytes // STRANGERS_SHARE)
        self._requests = UpstreamRequests(settings, signer)
        self._peers = InternalPeers(settings.gateway_key.encode())

    async def handle(self, request: BaseRequest) -> Response:
        """The answer to a request. Raises only if the connection is lost or the answer was cut short."""
        exchange = Exchange(request, request_id_of(request), self._clock.now(), timing=self._settings.server_timing)
        exchange.peer = self._peer_of(request)
        try:
            given = traceparent_of(request.headers)
            with span(f"gateway {request.method}", "server", given) as traceparent:
                exchange.traceparent = traceparent or given or trace_begun_by(exchange.request_id)
                response = await self._answer(exchange)
            exchange.status = response.status
            if self.draining or "Upgrade" in request.headers:
                # Only HTTP is supported; the bytes after an upgrade request may be another protocol.
                response.force_close()
            return response
        except UpstreamError:
            # The answer broke off after its head was sent; the connection is aborted already.
            raise ConnectionResetError from None
        except (asyncio.CancelledError, ConnectionError):
            exchange.status = GONE
            raise
        finally:
            if exchange.admission is not None:
                exchange.admission.leave()
            self._counts.answered(exchange, perf_counter() - exchange.started)
            self._access.log(exchange)

    def _peer_of(self, request: BaseRequest) -> str:
        named = request.headers.get(INTERNAL_PEER)
        known = self._peers.read(named) if named is not None else None
        return peer_of(request, self._settings.forwarded_hops) if known is None else known

    def refuse(self, request: BaseRequest, refusal: Refusal) -> web.Response:
        """The answer to bytes that are not a valid HTTP request."""
        exchange = Exchange(request, new_request_id(), self._clock.now(), timing=False)
        exchange.peer = peer_of(request, self._settings.forwarded_hops)
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
        except Unauthorized as raised:
            refusal = self._strangers.refused(exchange, raised)
        except Refusal as raised:
            refusal = raised
        except Exception:
            # The caller gets the request id only; the log has the cause under it.
            log.exception("request failed", request_id=exchange.request_id, path=exchange.path)
            self._counts.unexpected()
            refusal = InternalError()
        return self._refusals.answer(exchange, refusal, (perf_counter() - exchange.started) * 1000)

    async def _served(self, exchange: Exchange) -> Response:
        """The answer of the page or service at the path."""
        request = exchange.request
        if (origin := request.headers.get("Origin")) is not None:
            self._cors.mark(origin, exchange.own)
        self._announce(exchange)
        check_version(request)
        if exchange.method not in METHODS:
            raise MethodNotAllowed("the method is not known", METHODS)
        if shows_credential(request, exchange.path):
            exchange.path = "/"
            raise NotFound("there is nothing at this path")
        note(exchange.path)
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
        inbound = exchange.inbound = Inbound(exchange.request.raw_headers, PAGE_HEADERS)
        if inbound.problem is not None:
            raise inbound.problem
        self._strangers.take(exchange)
        bodies.check_head(exchange.request, exchange.inbound.taken, self._settings.pack_bytes_max, raw=False)
        if exchange.method == "POST":
            self.admission.check(reserved=False)
            exchange.payload = await bodies.read(exchange.request, BODY_BYTES_MAX)
            exchange.body_bytes = len(exchange.payload)
        self._admit(exchange, self.admission, reserved=exchange.method != "POST")
        return await show(exchange)

    async def _passed_on(self, exchange: Exchange, route: UpstreamRoute) -> Response:
        """Check a request for a service and forward it."""
        request = exchange.request
        if route.methods and exchange.method not in route.methods:
            raise MethodNotAllowed("the method is not known here", route.methods)
        if route.counted:
            self._strangers.take(exchange)
        elif route.open:
            self._strangers.check(exchange)
        inbound = exchange.inbound = Inbound(request.raw_headers, route.headers)
        is_arriving = request.body_exists and not request.content.is_eof()
        # A stranger does not make the gateway look for more than the usual limit.
        if (
            is_arriving
            and bodies.may_exceed(request, route.body_bytes_max, raw=route.raw)
            and (route.open or await self._authorization.check_header(exchange))
        ):
            route = await self._with_declared_limit(exchange, route)
        announced = bodies.check_head(request, inbound.taken, route.body_bytes_max, raw=route.raw)
        self.admission.check(reserved=route.reserved)
        if not is_arriving:
            return await self._buffered(exchange, route)
        if route.raw and (announced is None or announced > bodies.SMALL_BYTES):
            bodies.encourage(request, inbound.taken)
            return await self._streamed(exchange, route, announced)
        is_known = not route.open and await self._authorization.check_header(exchange)
        if not is_known and not route.open:
            route = _for_stranger(route, announced)
        bodies.encourage(request, inbound.taken)
        budget = self._budget if is_known else self._strangers_budget
        async with budget.room(route.body_bytes_max if announced is None else announced):
            return await self._buffered(exchange, route)

    async def _with_declared_limit(self, exchange: Exchange, route: UpstreamRoute) -> UpstreamRoute:
        """The route, with the larger body limit that the service declares for this call, if there is one."""
        declared = await self._body_limits.of(route.service, exchange.method, exchange.path)
        return replace(route, body_bytes_max=declared) if declared > route.body_bytes_max else route

    async def _buffered(self, exchange: Exchange, route: UpstreamRoute) -> Response:
        """Forward a call whose body, if any, is read completely first."""
        payload = await bodies.read(exchange.request, route.body_bytes_max)
        exchange.body_bytes = len(payload)
        self._admit(exchange, self.admission, reserved=route.reserved)
        if not route.open:
            return await self._for_caller(exchange, route, payload)
        if not route.raw and fields.names_ours(payload):
            found, payload = fields.read_body(payload)
            hide_credentials(exchange, found.credentials)
        return await self._for_anybody(exchange, route, payload)

    async def _streamed(self, exchange: Exchange, route: UpstreamRoute, announced: int | None) -> Response:
        """Forward a large raw body as it arrives."""
        self._authorization.check_gate(route, None)
        self._admit(exchange, self._streams, reserved=route.reserved)
        request = self._requests.of(exchange, route, ANONYMOUS, None, exchange.target)
        request.stream = body = bodies.Limited(exchange.request.content, route.body_bytes_max)
        request.length = announced
        try:
            return await self._proxy.forward(exchange, route.service, request)
        finally:
            exchange.body_bytes = body.bytes_read

    def _admit(self, exchange: Exchange, admission: Admission, *, reserved: bool) -> None:
        admission.enter(reserved=reserved)
        exchange.admission = admission

    async def _for_anybody(self, exchange: Exchange, route: UpstreamRoute, payload: bytes) -> Response:
        """Forward a call that needs no session; the service identifies the caller by other means."""
        self._authorization.check_gate(route, None)
        request = self._requests.of(exchange, route, ANONYMOUS, payload, exchange.target)
        response = await self._proxy.forward(exchange, route.service, request)
        if response.status == HTTPStatus.UNAUTHORIZED:
            self._strangers.count(exchange)
        return response

    async def _for_caller(self, exchange: Exchange, route: UpstreamRoute, payload: bytes) -> Response:
        """A call of a user or key: authorize the caller, then forward."""
        given = await RequestCredentials.read(exchange.inbound, payload, exchange.target, may_probe=route.probe)
        hide_credentials(exchange, given.in_body)
        if given.probe:
            return await self._for_anybody(exchange, route, given.payload)
        caller = await self._authorization.authorize(exchange, route, given)
        request = self._requests.of(exchange, route, caller, given.payload, given.target)
        return await self._proxy.forward(exchange, route.service, request)

    def _announce(self, exchange: Exchange) -> None:
        """Add the header about the next maintenance window, from a day before its start."""
        if (notice := self._notice()) is not None:
            exchange.own["X-Maintenance-Scheduled"] = notice

    def _preflight(self, exchange: Exchange, allowed: tuple[str, ...]) -> web.Response:
        asked = "Access-Control-Request-Method" in exchange.request.headers
        if not asked or "Access-Control-Allow-Origin" not in exchange.own:
            raise MethodNotAllowed("the method is not known here", allowed)
        return self._cors.preflight(exchange.own_headers())


def _for_stranger(route: UpstreamRoute, announced: int | None) -> UpstreamRoute:
    """The route for a body that may contain the credential. Raises `Unauthorized` if it is too large for that."""
    if announced is not None and announced > CREDENTIAL_BODY_BYTES_MAX:
        raise credential.unknown()
    return replace(route, body_bytes_max=min(route.body_bytes_max, CREDENTIAL_BODY_BYTES_MAX))
