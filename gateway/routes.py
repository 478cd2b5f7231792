"""The service that a path belongs to, and how the common rules differ for it.

Method and path give an `UpstreamRoute`. Nothing here waits, and no path is ever turned into another one: a path that
could be read in two ways (dot segments, doubled or encoded slashes) has no route at all.
"""

import re
from collections.abc import Sequence

from chassis.endpoint import BODY_BYTES_MAX
from chassis.entity import Value
from gateway.settings import GatewaySettings

SERVICES = ("ops", "ics", "pmc", "slc", "visualgrid")

_AMBIGUOUS = re.compile(r"//|/\.{1,2}(?:/|$)|%2[ef]|%5c|%00|[\\\x00-\x20\x7f]", re.IGNORECASE)
_DOCUMENT = re.compile(r"^/(?:ops|ics|pmc|slc|visualgrid)/(?:openapi|asyncapi)\.(?:yaml|json)$")


class UpstreamRoute(Value):
    """How calls of a path are treated.

    service      the service that is asked
    open         forwarded without a session: the service identifies its callers by other means
    gated        whether a maintenance window closes it
    reserved     uses the reserve of requests in flight: health and operators
    raw          the body may have any content type; it is streamed and never read
    probe        open only if the body has `action: ping`
    counted      counts against the rate of callers who are not signed in
    forwarded    the service gets the caller's address and the host they used, in `X-Forwarded-*`
    headers      request headers forwarded beside the common ones
    methods      allowed methods, if the gateway checks them; empty: the service does
    """

    service: str
    open: bool = False
    gated: bool = True
    reserved: bool = False
    raw: bool = False
    probe: bool = False
    counted: bool = False
    forwarded: bool = False
    body_bytes_max: int = BODY_BYTES_MAX
    seconds: float = 30.0
    headers: frozenset[bytes] = frozenset()
    methods: tuple[str, ...] = ()


class RouteTable:
    """Finds the route of a method and a path."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._seconds = _prefixes(settings.route_seconds)
        usual = settings.upstream_seconds

        def route(service: str, **different: object) -> UpstreamRoute:
            return UpstreamRoute(service=service, **{"seconds": usual, **different})  # type: ignore[arg-type]

        self._usual = {
            "ops": route("ops", gated=False, reserved=True),
            "ics": route("ics"),
            "pmc": route("pmc"),
            "slc": route("slc"),
            "visualgrid": route("visualgrid", open=True, forwarded=True, headers=frozenset({b"x-vg-token"})),
        }
        secret = route(
            "ops", open=True, gated=False, reserved=True, forwarded=True, headers=frozenset({b"x-secret-code"})
        )
        oauth = route("slc", open=True, forwarded=True, headers=frozenset({b"cookie"}))
        objects = route("pmc", open=True, raw=True, body_bytes_max=settings.object_bytes_max, seconds=600.0)
        hook = frozenset(
            f"x-shopify-{word}".encode()
            for word in (
                "topic",
                "hmac-sha256",
                "shop-domain",
                "webhook-id",
                "event-id",
                "triggered-at",
                "api-version",
                "test",
            )
        )
        self._exact = {
            ("GET", "/ops/ping"): secret,
            ("GET", "/ops/stat"): secret,
            ("GET", "/slc"): oauth,
            ("GET", "/slc/oauth/callback"): oauth,
            ("POST", "/slc"): route("slc", probe=True),
            ("POST", "/slc/webhooks/shopify"): route("slc", open=True, raw=True, counted=True, headers=hook),
            ("POST", "/pmc/pack/create"): route("pmc", body_bytes_max=settings.pack_bytes_max),
            ("GET", "/visualgrid/ping"): route("visualgrid", open=True, reserved=True),
        }
        self._objects = {"GET": objects, "PUT": objects, "HEAD": objects}
        # A service compresses its files and documents itself, and gives each form an entity tag of its own.
        coded = frozenset({b"accept-encoding"})
        self._page = route("visualgrid", open=True, gated=False, headers=coded)
        self._documents = {
            name: route(
                name, open=True, gated=False, counted=True, seconds=10.0, methods=("GET", "HEAD"), headers=coded
            )
            for name in SERVICES
        }

    def find(self, method: str, path: str) -> UpstreamRoute | None:
        """The route, or None if the path belongs to no service."""
        if (exact := self._exact.get((method, path))) is not None:
            return exact
        if _AMBIGUOUS.search(path) or not path.startswith("/"):
            return None
        service = path[1:].partition("/")[0]
        found = self._usual.get(service)
        if found is None:
            return None
        return self._special(method, path) or self._timed(path, found)

    def _special(self, method: str, path: str) -> UpstreamRoute | None:
        """The route of a path that is recognised by its prefix or suffix instead of its service."""
        if path.startswith("/pmc/objects/"):
            return self._objects.get(method)
        if path == "/visualgrid/ui" or path.startswith("/visualgrid/ui/"):
            return self._page
        if _DOCUMENT.match(path):
            return self._documents[path[1:].partition("/")[0]]
        return None

    def _timed(self, path: str, found: UpstreamRoute) -> UpstreamRoute:
        for prefix, route in self._seconds:
            if path.startswith(prefix):
                return UpstreamRoute(**{**{f: getattr(found, f) for f in found.__struct_fields__}, "seconds": route})
        return found


def _prefixes(texts: Sequence[str]) -> list[tuple[str, float]]:
    """`/ics/search=5` as ("/ics/search", 5.0), longest prefix first."""
    pairs = [text.partition("=") for text in texts]
    return sorted(((prefix, float(seconds)) for prefix, _, seconds in pairs), key=lambda pair: -len(pair[0]))
