"""The access log: one JSON line a request, gathered for a moment and written together.

It says who asked for what and how it ended. Queries (they may contain signatures), bodies, headers and credentials are
never logged.
"""

import asyncio
import sys
from time import perf_counter
from typing import TextIO

import msgspec

from chassis.frozen import Frozen
from gateway.http.exchange import Exchange

FLUSH_SECONDS = 0.05
LINES_MAX = 256
PATH_LENGTH_MAX = 512


class AccessRecord(Frozen, omit_defaults=True):
    """One line. Times in milliseconds, sizes in bytes; `status` 499: the caller went away before the answer.

    call        the refused call, or the service where the path cannot be a call; None where nothing was refused
    error_code  why it was refused, as the answer says; None where nothing was refused
    """

    event: str
    level: str
    service: str
    replica: str
    at_utc: str
    request_id: str
    method: str
    path: str
    status: int
    call: str | None = None
    error_code: str | None = None
    duration_ms: float
    upstream: str = ""
    upstream_replica: str = ""
    org: str | None = None
    actor: str | None = None
    fingerprint: str | None = None
    cccode: str | None = None
    peer: str = ""
    bytes_in: int = 0
    bytes_out: int = 0
    trace_id: str | None = None


class AccessLog:
    """Writes the lines."""

    def __init__(self, replica: str, *, on: bool = True, out: TextIO | None = None) -> None:
        self._replica = replica
        self._on = on
        self._out = out
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._encode = msgspec.json.Encoder().encode

    def log(self, exchange: Exchange) -> None:
        """Add the line of a request that has ended."""
        if not self._on:
            return
        self._lines.append(
            self._encode(
                AccessRecord(
                    event="request",
                    level="info",
                    service="gateway",
                    replica=self._replica,
                    at_utc=exchange.at_utc,
                    request_id=exchange.request_id,
                    method=exchange.method,
                    path=exchange.path[:PATH_LENGTH_MAX],
                    status=exchange.status,
                    call=exchange.call,
                    error_code=exchange.error_code,
                    duration_ms=round((perf_counter() - exchange.started) * 1000, 3),
                    upstream=exchange.service,
                    upstream_replica=exchange.replica,
                    org=exchange.orgcode,
                    actor=exchange.actor,
                    fingerprint=exchange.fingerprint,
                    cccode=exchange.cccode,
                    peer=exchange.peer,
                    bytes_in=exchange.body_bytes,
                    bytes_out=exchange.answer_bytes,
                    trace_id=exchange.traceparent[3:35] if exchange.traceparent else None,
                )
            )
        )
        if len(self._lines) >= LINES_MAX:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write the lines gathered so far."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._lines:
            return
        text = b"\n".join(self._lines).decode("utf-8", "replace")
        self._lines.clear()
        out = self._out or sys.stdout
        out.write(text + "\n")
        out.flush()
