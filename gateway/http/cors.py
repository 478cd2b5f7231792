"""CORS for the configured origins: answers preflight requests and adds headers to other answers."""

from aiohttp import web

METHODS = "GET, POST, PUT, OPTIONS"
HEADERS = (
    "Content-Type, Idempotency-Key, X-Session-Guid, X-Api-Key, X-Orgcode, X-Cccode, X-Logical-Guid, X-Channel-Code, "
    "X-Request-Id, X-Vg-Token, Traceparent, Tracestate"
)
EXPOSED = (
    "X-Request-Id, Retry-After, RateLimit, RateLimit-Policy, Server-Timing, Idempotent-Replayed, ETag, "
    "X-Maintenance-Scheduled"
)
MAX_AGE_SECONDS = 600


class Cors:
    """Knows which origins may call. Browser credentials (cookies) are not allowed: ours are headers."""

    def __init__(self, origins: tuple[str, ...]) -> None:
        self._any = "*" in origins
        self._origins = frozenset(origin.rstrip("/") for origin in origins)

    @property
    def on(self) -> bool:
        """Whether any origin may call."""
        return self._any or bool(self._origins)

    def mark(self, origin: str, own: dict[str, str]) -> bool:
        """Add the headers that let the origin read the answer; False if it may not."""
        if not self.on:
            return False
        if not self._any:
            own["Vary"] = "Origin"
            if origin not in self._origins:
                return False
        own["Access-Control-Allow-Origin"] = "*" if self._any else origin
        own["Access-Control-Expose-Headers"] = EXPOSED
        return True

    def preflight(self, own: dict[str, str]) -> web.Response:
        """The answer to a preflight request; `mark` has been called on `own`."""
        return web.Response(
            status=204,
            headers={
                **own,
                "Access-Control-Allow-Methods": METHODS,
                "Access-Control-Allow-Headers": HEADERS,
                "Access-Control-Max-Age": str(MAX_AGE_SECONDS),
            },
        )
