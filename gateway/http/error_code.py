"""Why a call was refused, for the access log and the metrics: the error code, and the call it was refused for.

Both have few different values. Codes are those of services and of the gateway. Calls are those that services name in
their refusals; where the gateway refuses a call itself it takes the name from the path, but only so many different ones
that callers who try out paths cannot fill the metrics.
"""

import re

import msgspec
from msgspec import Struct

from gateway.http.exchange import Exchange

UNPROVEN_CALLS_MAX = 1000
"""Most names taken from paths that no service has named itself; other such paths count for their service."""

_CALL = re.compile(r"/[a-z0-9]+(?:[/-][a-z0-9]+){0,8}")
_CODE = re.compile(r"[a-z][a-z0-9_]*\.[a-z0-9_-]{1,64}")


class _Error(Struct):
    error_code: str = ""
    tag: str = ""


class _Stats(Struct):
    call: str = ""


class _Failure(Struct):
    error: _Error | None = None
    stats: _Stats | None = None


_decode = msgspec.json.Decoder(_Failure).decode


def call_name(path: str) -> str | None:
    """The name of the call at a path (`/ics/zone/list` is `ics_zone_list`); None for paths that cannot be one."""
    return path[1:].replace("/", "_").replace("-", "_") if _CALL.fullmatch(path) else None


class CallNames:
    """The names of calls, as far as they are used in logs and metrics."""

    def __init__(self, unproven_max: int = UNPROVEN_CALLS_MAX) -> None:
        self._known: set[str] = set()
        self._unproven: set[str] = set()
        self._unproven_max = unproven_max

    def of(self, exchange: Exchange) -> str:
        """The name of the call at the path, or that of the service where the path cannot be a call."""
        name = call_name(exchange.path) if exchange.service != "gateway" else None
        if name is None:
            return exchange.service
        if name not in self._known and name not in self._unproven:
            if len(self._unproven) >= self._unproven_max:
                return exchange.service
            self._unproven.add(name)
        return name

    def note(self, exchange: Exchange, body: bytes) -> None:
        """Note in the exchange the error code and the call of a refusal, as the service answered it."""
        try:
            failure = _decode(body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
        if failure.error is None:
            return
        # VisualGrid's envelope has a tag and no code.
        code = failure.error.error_code or f"{exchange.service}.{failure.error.tag}"
        if not _CODE.fullmatch(code):
            return
        call = failure.stats.call if failure.stats is not None else ""
        if call:
            self._known.add(call)
            self._unproven.discard(call)
        exchange.error_code = code
        exchange.call = call or self.of(exchange)
