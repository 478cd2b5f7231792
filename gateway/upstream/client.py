"""The client for calls to the services, chosen by the setting `proxy`."""

from collections.abc import AsyncIterator

from chassis.resource import resource
from gateway.settings import GatewaySettings
from gateway.upstream.aiohttp_client import AiohttpClient
from gateway.upstream.port import UpstreamClient
from gateway.upstream.raw_client import RawClient


def client_of(settings: GatewaySettings) -> UpstreamClient:
    """The client chosen by the settings."""
    kind = RawClient if settings.proxy == "lean" else AiohttpClient
    return kind(
        connections_max=settings.upstream_connections,
        idle_seconds=settings.idle_seconds,
        connect_seconds=settings.connect_seconds,
    )


@resource
async def upstream_client(settings: GatewaySettings) -> AsyncIterator[UpstreamClient]:
    """Connections to the replicas of every service."""
    made = client_of(settings)
    try:
        yield made
    finally:
        await made.close()
