"""The path of a request through the gateway, from its head to its line in the log.

What it is for is found here: a page of the gateway itself, or a service, which `forwarding.py` leads it to.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_request import BaseRequest

from chassis.clock import Clock
from chassis.endpoint import BODY_BYTES_MAX
from chassis.errors import InternalError, MethodNotAllowed, NotFound, Refusal, Unauthorized, invalid_field
from chassis.telemetry.log import get_logger
from chassis.telemetry.notes import note
from chassis.telemetry.trace import span, trace_begun_by, traceparent_of
from gateway.caller.authorization import Authorization
from gateway.caller.strangers import Strangers
from gateway.forwarding import Forwarding
from gateway.http import body as bodies
from gateway.http.cors import Cors
from gateway.http.exchange import Exchange
from gateway.http.headers import Inbound, check_version
from gateway.http.internal_peer import INTERNAL_PEER, InternalPeers
from gateway.http.refusals import Refusals
from gateway.http.request_id import new_request_id, peer_of, request_id_of, shows_credential
from gateway.limits.admission import Admission
from gateway.routes import RouteTable
from gateway.settings import GatewaySettings
from gateway.telemetry.access import AccessLog
from gateway.telemetry.counts import Counts
from gateway.upstream.port import UpstreamError
from gateway.upstream.proxy import Response

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
GONE = 499
"""The status in the log where the caller closed the connection before the answer."""

PAGE_HEADERS = frozenset({b"x-secret-code", b"x-vg-token"})
"""Headers that pages of the gateway read beside the common ones."""

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
        forwarding: Forwarding,
        authorization: Authorization,
        strangers: Strangers,
        refusals: Refusals,
        counts: Counts,
        access: AccessLog,
        notice: Callable[[], str | None] = lambda: None,
        pages: Mapping[str, Mapping[str, PageHandler]] | None = None,
        admission: Admission,
    ) -> None:
        self.admission = admission
        self.draining = False
        self._settings = settings
        self._clock = clock
        self._forwarding = forwarding
        self._authorization = authorization
        self._strangers = strangers
        self._refusals = refusals
        self._counts = counts
        self._access = access
        self._notice = notice
        self._pages = pages or {}
        self._routes = RouteTable(settings)
        self._cors = Cors(settings.cors_origins)
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
            return await self._forwarding.forward(exchange, route)
        if page is not None:
            return await self._own_page(exchange, page)
        raise NotFound("there is nothing at this path")

    async def _own_page(self, exchange: Exchange, page: Mapping[str, PageHandler]) -> Response:
        show = page.get("GET" if exchange.method == "HEAD" else exchange.method)
        if show is None:
            raise MethodNotAllowed("the method is not known here", tuple(page))
        request = exchange.request
        inbound = exchange.inbound = Inbound(request.raw_headers, PAGE_HEADERS)
        if inbound.problem is not None:
            raise inbound.problem
        self._strangers.take(exchange)
        announced = bodies.check_head(request, inbound.taken, self._settings.pack_bytes_max, raw=False)
        if exchange.method == "POST":
            self.admission.check(reserved=False)
            exchange.payload = await bodies.read(request, await self._page_bytes_max(exchange, announced))
            exchange.body_bytes = len(exchange.payload)
            note(exchange.path)
        exchange.admit(self.admission, reserved=exchange.method != "POST")
        return await show(exchange)

    async def _page_bytes_max(self, exchange: Exchange, announced: int | None) -> int:
        """The largest body that a page reads. Raises `Unauthorized` if it is large and its credential is unknown."""
        is_small = announced is not None and announced <= bodies.SMALL_BYTES
        if is_small or not await self._authorization.check_header(exchange):
            return bodies.SMALL_BYTES
        return BODY_BYTES_MAX

    def _announce(self, exchange: Exchange) -> None:
        """Add the header about the next maintenance window, from a day before its start."""
        if (notice := self._notice()) is not None:
            exchange.own["X-Maintenance-Scheduled"] = notice

    def _preflight(self, exchange: Exchange, allowed: tuple[str, ...]) -> web.Response:
        asked = "Access-Control-Request-Method" in exchange.request.headers
        if not asked or "Access-Control-Allow-Origin" not in exchange.own:
            raise MethodNotAllowed("the method is not known here", allowed)
        return self._cors.preflight(exchange.own_headers())
