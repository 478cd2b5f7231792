"""Requests for services: the caller's headers that are forwarded, and those that the gateway adds and signs."""

from aiohttp.web_request import BaseRequest

from chassis.auth.token import HEADER, Signer
from chassis.caller import Caller
from gateway.http.exchange import Exchange
from gateway.http.headers import Pair
from gateway.routes import UpstreamRoute
from gateway.settings import GatewaySettings
from gateway.upstream.port import UpstreamRequest

_CALLER = HEADER.encode()


class UpstreamRequests:
    """Builds the requests that are forwarded to services."""

    def __init__(self, settings: GatewaySettings, signer: Signer) -> None:
        self._signer = signer
        self._stream_seconds = settings.stream_seconds
        self._trusts_proxies = settings.forwarded_hops > 0

    def of(
        self, exchange: Exchange, route: UpstreamRoute, caller: Caller, payload: bytes | None, target: str
    ) -> UpstreamRequest:
        """The request for a service on behalf of the caller; `payload` None: its body is streamed."""
        headers = exchange.inbound.passed
        headers.append((_CALLER, self._signer.sign(caller, route.service).encode()))
        headers.append((b"x-request-id", exchange.request_id.encode()))
        if caller.orgcode is not None:
            headers.append((b"x-orgcode", caller.orgcode.encode()))
        if caller.cccode is not None:
            headers.append((b"x-cccode", caller.cccode.encode()))
        if exchange.traceparent is not None:
            headers.append((b"traceparent", exchange.traceparent.encode()))
        if route.raw and (coding := exchange.inbound.taken.get("content-encoding")) is not None:
            headers.append((b"content-encoding", coding.encode("utf-8", "surrogateescape")))
        if route.forwarded:
            headers += self._forwarded(exchange.request, exchange.peer)
        return UpstreamRequest(
            exchange.method, target, headers, payload, seconds=route.seconds, stream_seconds=self._stream_seconds
        )

    def _forwarded(self, request: BaseRequest, peer: str) -> list[Pair]:
        """The caller's address and the host and scheme they used, for services that need them."""
        proto = request.headers.get("X-Forwarded-Proto", "") if self._trusts_proxies else ""
        return [
            (b"x-forwarded-for", peer.encode()),
            (b"x-forwarded-host", request.headers.get("Host", "").encode("utf-8", "surrogateescape")),
            (b"x-forwarded-proto", b"https" if proto == "https" else b"http"),
        ]
