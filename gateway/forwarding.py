"""The path of a call to a service: its body is read within limits, its caller is authorized, and it is forwarded.

Checks come in the contract's order: size and kind (413, 415), credential (401), maintenance and rates (503, 429), org
(404), then the gateway's own 400s; the service checks the rest (403 and later). A contradiction that is found early is
reported in its place in this order.
"""

from http import HTTPStatus

from msgspec.structs import replace

from chassis.auth.token import Signer
from chassis.caller import ANONYMOUS
from chassis.cpu_pool import CpuPool
from chassis.errors import MethodNotAllowed
from chassis.telemetry.notes import note
from gateway.caller import credential, fields
from gateway.caller.authorization import Authorization
from gateway.caller.request_credentials import RequestCredentials
from gateway.caller.strangers import Strangers
from gateway.http import body as bodies
from gateway.http.exchange import Exchange
from gateway.http.headers import Inbound
from gateway.http.request_id import hide_credentials
from gateway.limits.limits import Limits
from gateway.routes import UpstreamRoute
from gateway.settings import GatewaySettings
from gateway.upstream.body_limits import BodyLimits
from gateway.upstream.proxy import Proxy, Response
from gateway.upstream.upstream_request import UpstreamRequests

STRANGERS_SHARE = 4
"""The reciprocal of the share of the memory for larger bodies that callers who are not known yet may use."""

CREDENTIAL_BODY_BYTES_MAX = 1024 * 1024
"""Largest body that is searched for a credential; larger ones need it in a header."""


class Forwarding:
    """Checks calls and forwards them to services."""

    def __init__(
        self,
        settings: GatewaySettings,
        *,
        authorization: Authorization,
        strangers: Strangers,
        proxy: Proxy,
        body_limits: BodyLimits,
        signer: Signer,
        limits: Limits,
        cpu: CpuPool,
    ) -> None:
        self._authorization = authorization
        self._strangers = strangers
        self._proxy = proxy
        self._body_limits = body_limits
        self._cpu = cpu
        self._in_flight = limits.in_flight
        # Bodies that are still arriving, of calls that may turn out to be nobody's, leave the others their share.
        self._streams = limits.streams
        # Workers share the memory evenly.
        buffer_bytes = settings.body_buffer_bytes // settings.gateway_workers
        self._budget = bodies.Budget(buffer_bytes)
        self._strangers_budget = bodies.Budget(buffer_bytes // STRANGERS_SHARE)
        self._requests = UpstreamRequests(settings, signer)

    async def forward(self, exchange: Exchange, route: UpstreamRoute) -> Response:
        """Check a request for a service and forward it. Raises the refusals of all stages."""
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
        self._in_flight.check(reserved=route.reserved)
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
        if len(payload) > bodies.SMALL_BYTES:
            note(exchange.path)
        exchange.admit(self._in_flight, reserved=route.reserved)
        if not route.open:
            return await self._for_caller(exchange, route, payload)
        if not route.raw and await fields.names_ours_in_steps(payload):
            found, payload = fields.read_body(payload)
            hide_credentials(exchange, found.credentials)
        return await self._for_anybody(exchange, route, payload)

    async def _streamed(self, exchange: Exchange, route: UpstreamRoute, announced: int | None) -> Response:
        """Forward a large raw body as it arrives."""
        self._authorization.check_gate(route, None)
        exchange.admit(self._streams, reserved=route.reserved)
        request = self._requests.of(exchange, route, ANONYMOUS, None, exchange.target)
        request.stream = body = bodies.Limited(exchange.request.content, route.body_bytes_max)
        request.length = announced
        try:
            return await self._proxy.forward(exchange, route.service, request)
        finally:
            exchange.body_bytes = body.bytes_read

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
        given = await RequestCredentials.read(
            exchange.inbound, payload, exchange.target, self._cpu, may_probe=route.probe
        )
        hide_credentials(exchange, given.in_body)
        if given.probe:
            return await self._for_anybody(exchange, route, given.payload)
        caller = await self._authorization.authorize(exchange, route, given)
        request = self._requests.of(exchange, route, caller, given.payload, given.target)
        return await self._proxy.forward(exchange, route.service, request)


def _for_stranger(route: UpstreamRoute, announced: int | None) -> UpstreamRoute:
    """The route for a body that may contain the credential. Raises `Unauthorized` if it is too large for that."""
    if announced is not None and announced > CREDENTIAL_BODY_BYTES_MAX:
        raise credential.unknown()
    return replace(route, body_bytes_max=min(route.body_bytes_max, CREDENTIAL_BODY_BYTES_MAX))
