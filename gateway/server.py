"""The HTTP side of the gateway: puts pipeline, proxy and documents together, and opens the port.

Its parameters are found by type among what the process provides, as those of resources are.
"""

import asyncio
from time import monotonic

from chassis.auth.token import Signer
from chassis.clock import Clock
from chassis.cpu_pool import CpuPool
from chassis.gate import Gate
from gateway.caller.authorization import Authorization
from gateway.caller.resolve import Directory, Resolver
from gateway.caller.strangers import Strangers
from gateway.forwarding import Forwarding
from gateway.http.compression import Compression
from gateway.http.error_code import CallNames
from gateway.http.internal_peer import InternalPeers
from gateway.http.refusals import Refusals
from gateway.http.server import Server
from gateway.limits.limits import Limits
from gateway.pages.documents import PublicDocuments
from gateway.pages.mcp import Mcp
from gateway.pipeline import PageHandler, Pipeline
from gateway.routes import SERVICES
from gateway.settings import GatewaySettings
from gateway.telemetry.access import AccessLog
from gateway.telemetry.counts import Counts
from gateway.upstream.balance import Replica, Upstream
from gateway.upstream.body_limits import BodyLimits
from gateway.upstream.discovery import Discovery
from gateway.upstream.port import UpstreamClient
from gateway.upstream.proxy import Proxy

BACKLOG = 1024
LAME_SECONDS = 0.25
"""How long open connections may still send a request after the gateway was told to stop. Such a request is answered and
its connection closed; after this time idle connections are closed."""


class GatewayServer:
    """One HTTP port."""

    def __init__(
        self,
        settings: GatewaySettings,
        clock: Clock,
        *,
        directory: Directory,
        gate: Gate,
        counts: Counts,
        client: UpstreamClient,
        signer: Signer,
        limits: Limits,
        cpu: CpuPool,
    ) -> None:
        self.port = 0
        self.resolver = Resolver(directory, settings.gateway_key.encode(), settings.caller_cache_entries)
        self._settings = settings
        self._gate = gate
        self._clock = clock
        self.upstreams = {name: Upstream(name) for name in SERVICES}
        self._discoveries = [
            Discovery(upstream, settings.addresses(name), self._replica) for name, upstream in self.upstreams.items()
        ]
        self._calls = CallNames()
        self._proxy = Proxy(self.upstreams, client, Compression(settings.gzip_bytes_min), self._calls)
        self.documents = PublicDocuments(self._proxy, settings, clock)
        peers = InternalPeers(settings.gateway_key.encode())
        self._mcp = Mcp(client, self.documents, self._own_address, peers, cpu, settings.upstream_seconds)
        self._limits = limits
        rates = limits.rates
        strangers = Strangers(rates)
        self._access = AccessLog(settings.replica, on=settings.access_log)
        authorization = Authorization(self.resolver, gate, rates, strangers)
        forwarding = Forwarding(
            settings,
            authorization=authorization,
            strangers=strangers,
            proxy=self._proxy,
            body_limits=BodyLimits(self.documents.openapi),
            signer=signer,
            limits=limits,
            cpu=cpu,
        )
        self.pipeline = Pipeline(
            settings,
            clock,
            forwarding=forwarding,
            authorization=authorization,
            strangers=strangers,
            refusals=Refusals(settings, clock, SERVICES, self._calls),
            counts=counts,
            access=self._access,
            notice=self._scheduled,
            pages=self._pages(),
            admission=limits.in_flight,
        )
        counts.upstreams = self.upstreams
        counts.in_flight = lambda: self.pipeline.admission.in_flight
        self._server: Server | None = None
        self._listener: asyncio.Server | None = None

    async def start(self) -> int:
        """Open the port and return its number. Raises `OSError` if it is in use."""
        await asyncio.gather(*(discovery.start() for discovery in self._discoveries))
        settings = self._settings
        self._server = Server(
            self.pipeline.handle,
            self.pipeline.refuse,
            keepalive_seconds=settings.keepalive_seconds,
            connected=self._limits.connected,
            unread=self._limits.unread,
        )
        self._listener = await asyncio.get_running_loop().create_server(
            self._server,
            settings.http_host,
            settings.http_port,
            backlog=BACKLOG,
            reuse_port=settings.gateway_worker > 0 or None,
        )
        self.port = self._listener.sockets[0].getsockname()[1]
        return self.port

    async def stop(self, seconds: float) -> None:
        """Accept no new connections, answer requests in flight for up to `seconds`, then close."""
        if self._listener is None or self._server is None:
            return
        stop_by = monotonic() + seconds
        self._listener.close()
        self.pipeline.draining = True
        await asyncio.sleep(min(LAME_SECONDS, seconds / 2))
        self._server.close_idle()
        await self._server.drain(max(0.0, stop_by - monotonic()))
        await self._server.shutdown(0.1)
        await self.resolver.stop()
        await asyncio.gather(*(discovery.stop() for discovery in self._discoveries))
        self._access.flush()
        self._listener = self._server = None

    def _pages(self) -> dict[str, dict[str, PageHandler]]:
        return {**self.documents.pages(), "/mcp": {"POST": self._mcp.serve}}

    def _replica(self, service: str, address: str) -> Replica:
        return Replica(service, address, self._settings.breaker_failures, self._settings.breaker_seconds)

    def _own_address(self) -> str:
        host = self._settings.http_host
        reached = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, host)  # noqa: S104  where we listen, not where we ask
        return f"http://{reached}:{self.port}"

    def _scheduled(self) -> str | None:
        """The value of `X-Maintenance-Scheduled`, from a day before the next maintenance window."""
        window = self._gate.next
        if window is None or not self._clock.now() < window.start_utc:
            return None
        return f"{window.start_utc}; duration={window.minutes}"
