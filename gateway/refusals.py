"""How the gateway refuses: in the envelope and the words of the service that was asked, under its own build."""

import re

from aiohttp import web

from chassis.clock import Clock
from chassis.errors import Dialect, Refusal
from chassis.http.envelope import Envelope, GridEnvelope, StandardEnvelope, Stats, build_of
from chassis.settings import BaseSettings
from gateway.exchange import Exchange

_DIALECTS: dict[str, Dialect] = {"pmc": "catalogue", "slc": "catalogue", "visualgrid": "catalogue"}
_CALL = re.compile(r"/[a-z]+(?:[/-][a-z]+){0,6}")

JSON = "application/json"


class Refusals:
    """Makes answers of refusals."""

    def __init__(self, settings: BaseSettings, clock: Clock, services: tuple[str, ...]) -> None:
        self._clock = clock
        self._build = build_of(settings)
        version = f"{settings.build_major}.{settings.build_minor}+{settings.build_id}"
        self._envelopes: dict[str, Envelope] = {
            name: StandardEnvelope(name, _DIALECTS.get(name, "standard")) for name in (*services, "gateway")
        }
        self._envelopes["visualgrid"] = GridEnvelope("visualgrid", "catalogue", version)

    def answer(self, exchange: Exchange, refusal: Refusal, duration_ms: float) -> web.Response:
        """The answer that tells a caller of a refusal."""
        envelope = self._envelopes[exchange.service]
        stats = Stats(
            service=exchange.service,
            call=call_of(exchange),
            timestamp_utc=self._clock.now(),
            request_id=exchange.request_id,
            duration_ms=round(duration_ms, 3),
            build=self._build,
        )
        body = envelope.failure(envelope.error(refusal), stats)
        exchange.answer_bytes = len(body)
        response = web.Response(
            status=refusal.status,
            body=b"" if exchange.method == "HEAD" else body,
            headers={"Content-Type": JSON, **refusal.headers(), **exchange.own_headers()},
        )
        if refusal.status == 413:
            # What is left of the body is read no further than the server's patience goes.
            response.force_close()
        return response


def call_of(exchange: Exchange) -> str:
    """The call name a path stands for, by the contract's rule: the path with `_` in place of `/` and `-`."""
    if exchange.service == "gateway" or not _CALL.fullmatch(exchange.path):
        return exchange.service
    return exchange.path[1:].replace("/", "_").replace("-", "_")
