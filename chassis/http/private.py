"""The private port: liveness, readiness and metrics. Not reachable through the gateway."""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from aiohttp.web import BaseRequest

from chassis.health import PartHealth
from chassis.http.envelope import encode
from chassis.http.server import HttpServer
from chassis.telemetry.metrics import CONTENT_TYPE, Metrics

_JSON = {"Content-Type": "application/json", "Cache-Control": "no-store"}


class PrivatePort:
    """`/healthz`, `/readyz` (503 while a needed part is down or the process is starting or stopping) and `/metrics`.

    `parts` is asked whenever readiness is, and `is_needed` says by its name whether readiness depends on a part;
    `before_metrics` brings what is not counted all the time up to date.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        parts: Callable[[], Awaitable[Sequence[PartHealth]]],
        metrics: Metrics,
        is_needed: Callable[[str], bool] = bool,
    ) -> None:
        self._is_needed = is_needed
        self.ready = False
        self.before_metrics: Callable[[], Awaitable[None]] | None = None
        self._parts = parts
        self._metrics = metrics
        self._server = HttpServer(host, port, self._answer, _plain)

    async def start(self) -> int:
        """Open the port and return its number. Raises OSError if it is taken."""
        return await self._server.start()

    async def stop(self) -> None:
        """Close the port."""
        await self._server.stop(0.0)

    async def _answer(self, request: BaseRequest) -> web.Response:
        match request.path:
            case "/healthz":
                return web.Response(body=encode({"alive": True}), headers=_JSON)
            case "/readyz":
                return await self._readiness()
            case "/metrics":
                if self.before_metrics is not None:
                    await self.before_metrics()
                return web.Response(body=self._metrics.text(), headers={"Content-Type": CONTENT_TYPE})
        return _plain(404)

    async def _readiness(self) -> web.Response:
        parts = await self._parts()
        ready = self.ready and all(part.ok for part in parts if self._is_needed(part.name))
        said = {"ready": ready, "serving": self.ready, "parts": {part.name: part.ok for part in parts}}
        return web.Response(status=200 if ready else 503, body=encode(said), headers=_JSON)


def _plain(status: int) -> web.Response:
    return web.Response(status=status, headers={"Cache-Control": "no-store"})
