"""The gateway's settings, beside those of every process of the stack."""

from typing import Annotated, Literal

from msgspec import Meta

from chassis.settings import Addresses, BaseSettings, Secret

MIB = 1024 * 1024

Seconds = Annotated[float, Meta(gt=0, le=3600)]
Number = Annotated[int, Meta(ge=1)]
Rate = Annotated[float, Meta(ge=0)]

# The roles of the services' contracts. Further ones are learnt from the services' documents (`x-roles`).
ROLES = (
    "ics_view",
    "ics_operator",
    "ics_planner",
    "ics_adjust",
    "ics_count",
    "ics_transfer_approve",
    "ics_cost_admin",
    "pmc_view",
    "pmc_publish",
    "pvv",
    "pma",
    "slc_view",
    "slc_manage",
)


class GatewaySettings(BaseSettings):
    """The gateway's settings.

    gateway_workers         processes that share the HTTP and the gRPC port (SO_REUSEPORT); limits hold for all together
    gateway_worker          set by the gateway itself for each of them, with `gateway_memory_fd` and `gateway_parent_fd`
    gateway_key             key of the fingerprints of credentials (HMAC-SHA-256); 32 bytes or more
    directory_grpc          a directory that resolves credentials; empty: this gateway's own
    *_http                  the addresses of a service's replicas, `http://host:port` each; each address that a host
                            name stands for is a replica
    proxy                   how calls are forwarded: `lean` (own connections) or `session` (aiohttp's client)
    roles                   roles known before any service has declared its own
    caller_cache_entries    callers cached in memory
    connections_max         callers' connections; further ones are closed at once
    address_connections_max the same for each client address; 0 or behind proxies: no limit
    in_flight_max           requests in flight; `in_flight_reserve` of them are for operators and health only
    body_buffer_bytes       memory for request bodies over 64 KiB; when it is used up, further bodies wait unread
    object_bytes_max        largest body of an object upload; more where the service declares it (`x-body-bytes-max`)
    pack_bytes_max          the same for a pack that is sent inline
    upstream_seconds        how long a service may take to begin its answer
    route_seconds           the same for paths with a prefix: `/ics/search=5,/pmc/publish=60`
    connect_seconds         how long a connection to a service may take to open
    idle_seconds            how long an unused connection to a service is kept; shorter than the services keep theirs
    stream_seconds          longest pause within a streamed body
    upstream_connections    connections to one replica
    breaker_failures        failures in a row that take a replica out
    breaker_seconds         how long it stays out before it is tried again
    rate_*                  calls a second and burst, for each credential and each org; for each client address of
                            callers who are not signed in; 0 is no limit
    rate_headers            `structured` (RateLimit-Policy, RateLimit), `triple` (the older three), `both` or `none`
    cors_origins            origins that may call from a browser; `*` is any; empty: none
    gzip_bytes_min          answers of this size or more are compressed for callers who accept it; 0: never
    server_timing           whether answers have a `Server-Timing` header
    forwarded_hops          trusted proxies in front that set `X-Forwarded-For`; 0: the peer is the caller
    """

    gateway_workers: Annotated[int, Meta(ge=1, le=64)] = 1
    gateway_worker: Annotated[int, Meta(ge=0, le=64)] = 0
    gateway_memory_fd: int = -1
    gateway_parent_fd: int = -1
    gateway_key: Annotated[Secret, Meta(min_length=32)]
    directory_grpc: Addresses = ()
    ops_http: Addresses = ()
    ics_http: Addresses = ()
    pmc_http: Addresses = ()
    slc_http: Addresses = ()
    visualgrid_http: Addresses = ()
    proxy: Literal["lean", "session"] = "lean"
    roles: tuple[str, ...] = ROLES
    caller_cache_entries: Number = 20_000
    connections_max: Number = 8192
    address_connections_max: Annotated[int, Meta(ge=0)] = 2048
    in_flight_max: Number = 1024
    in_flight_reserve: Number = 64
    body_buffer_bytes: Number = 64 * MIB
    object_bytes_max: Number = 1024 * MIB
    pack_bytes_max: Number = 8 * MIB
    upstream_seconds: Seconds = 30.0
    route_seconds: tuple[str, ...] = ()
    connect_seconds: Seconds = 1.0
    idle_seconds: Seconds = 30.0
    stream_seconds: Seconds = 60.0
    keepalive_seconds: Seconds = 75.0
    upstream_connections: Number = 512
    breaker_failures: Number = 5
    breaker_seconds: Seconds = 0.5
    rate_credential_per_second: Rate = 20_000.0
    rate_credential_burst: Number = 40_000
    rate_org_per_second: Rate = 50_000.0
    rate_org_burst: Number = 100_000
    rate_address_per_second: Rate = 200.0
    rate_address_burst: Number = 2_000
    rate_headers: Literal["structured", "triple", "both", "none"] = "structured"
    cors_origins: tuple[str, ...] = ()
    gzip_bytes_min: Annotated[int, Meta(ge=0)] = 8 * 1024
    server_timing: bool = True
    access_log: bool = True
    forwarded_hops: Annotated[int, Meta(ge=0, le=16)] = 0
    session_seconds: Annotated[int, Meta(ge=60, le=7 * 86400)] = 12 * 3600
    session_seconds_max: Annotated[int, Meta(ge=60)] = 7 * 86400
    used_seconds: Seconds = 30.0
    documents_seconds: Seconds = 60.0

    def addresses(self, service: str) -> Addresses:
        """The addresses of a service's replicas."""
        found: Addresses = getattr(self, f"{service}_http")
        return found
