"""Refusals as answers, in the envelope and vocabulary of the service that was asked, with the gateway's build."""

from aiohttp import web

from chassis.clock import Clock
from chassis.errors import Dialect, Refusal, error_object
from chassis.http.envelope import Envelope, GridEnvelope, StandardEnvelope, Stats, build_of
from chassis.settings import BaseSettings
from gateway.http.error_code import CallNames, call_name
from gateway.http.exchange import Exchange

_DIALECTS: dict[str, Dialect] = {"pmc": "catalogue", "slc": "catalogue", "visualgrid": "catalogue"}
_REASONS = {"slc": {"internal_error": "internal-error"}}

JSON = "application/json"


class Refusals:
    """Turns refusals into answers."""

    def __init__(self, settings: BaseSettings, clock: Clock, services: tuple[str, ...], calls: CallNames) -> None:
        self._calls = calls
        self._clock = clock
        self._build = build_of(settings)
        version = f"{settings.build_major}.{settings.build_minor}+{settings.build_id}"
        self._envelopes: dict[str, Envelope] = {
            name: StandardEnvelope(name, _DIALECTS.get(name, "standard"), _REASONS.get(name))
            for name in (*services, "gateway")
        }
        self._envelopes["visualgrid"] = GridEnvelope("visualgrid", "catalogue", version)

    def answer(self, exchange: Exchange, refusal: Refusal, duration_ms: float) -> web.Response:
        """The answer to a refused request; its error code and call are noted in the exchange."""
        exchange.error_code = error_object(refusal, exchange.service, reasons=_REASONS.get(exchange.service)).error_code
        exchange.call = self._calls.of(exchange)
        envelope = self._envelopes[exchange.service]
        stats = Stats(
            service=exchange.service,
            call=call_of(exchange),
            timestamp_utc=self._clock.now(),
            request_id=exchange.request_id,
            duration_ms=steady(duration_ms),
            build=self._build,
        )
        body = envelope.failure(envelope.error(refusal), stats)
        exchange.answer_bytes = len(body)
        response = web.Response(
            status=refusal.status,
            body=b"" if exchange.method == "HEAD" else body,
            headers={"Content-Type": JSON, "Cache-Control": "no-store", **refusal.headers(), **exchange.own_headers()},
        )
        if refusal.status == 413:
            # The rest of the body may be too large to read, so the connection ends.
            response.force_close()
        return response


def steady(duration_ms: float) -> float:
    """A duration of four digits, the last never 0, so that it always has the same length in the answer.

    The length of an answer must not reveal whether an org does not exist or the caller is not its member.
    """
    decimals = 3 if duration_ms < 9.999 else 2 if duration_ms < 99.99 else 1
    rounded = round(duration_ms, decimals)
    last = round(rounded * 10**decimals) % 10
    return rounded if last else round(rounded + 10**-decimals, decimals)


def call_of(exchange: Exchange) -> str:
    """The name of the call at the path, or of the service where the path cannot be a call."""
    name = call_name(exchange.path) if exchange.service != "gateway" else None
    return exchange.service if name is None else name
