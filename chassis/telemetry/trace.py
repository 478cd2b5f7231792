"""Traces: the request in progress, and spans around work that takes time.

Without an exporter, nothing of OpenTelemetry is imported and a span costs one function call; the caller's `traceparent`
is still passed on, so that traces of other systems stay complete. `enable` turns on recording.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, Token
from hashlib import md5
from typing import Any, Literal

from msgspec import Struct

from chassis.telemetry.notes import note

Kind = Literal["server", "client", "producer", "consumer", "internal"]

_TRACEPARENT = re.compile(r"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_DIGITS = re.compile(r"[0-9a-f]{16}(?!0{16})[0-9a-f]{16}")


class Scope(Struct, frozen=True):
    """The request, message or job in progress."""

    request_id: str
    call: str
    traceparent: str | None = None


_scope: ContextVar[Scope | None] = ContextVar("scope", default=None)


def current() -> Scope | None:
    """The scope of this task, if any."""
    return _scope.get()


def enter(scope: Scope) -> Token[Scope | None]:
    """Set the scope of this task; pass the token to `leave`."""
    note(scope.call)
    return _scope.set(scope)


def leave(token: Token[Scope | None]) -> None:
    """Restore the scope before `enter`."""
    _scope.reset(token)


def traceparent_of(headers: Mapping[str, str]) -> str | None:
    """The caller's W3C `traceparent`, or None if it is absent or malformed."""
    text = headers.get("traceparent")
    return text if text and _TRACEPARENT.fullmatch(text) else None


def trace_begun_by(request_id: str) -> str:
    """A `traceparent` for a request that came without one: not recorded, but its log lines and events can be
    correlated.

    The same request id gives the same trace.
    """
    digits = request_id.replace("-", "")
    if not _DIGITS.fullmatch(digits):
        digits = md5(request_id.encode(), usedforsecurity=False).hexdigest()
    return f"00-{digits}-{digits[16:]}-00"


def trace_id_in(traceparent: str | None) -> str:
    """The trace id of a `traceparent`: 32 hex digits; "" without one."""
    return traceparent.split("-")[1] if traceparent else ""


class _Tracing:
    """The tracer of this process, once there is one."""

    tracer: Any = None
    provider: Any = None


_NOTHING: AbstractContextManager[str | None] = nullcontext()


def enabled() -> bool:
    """Whether spans are recorded."""
    return _Tracing.tracer is not None


def enable(endpoint: str, service: str, build: str) -> None:
    """Record spans and send them to an OTLP endpoint over gRPC."""
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  costs 20 MB
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

    enable_with(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)), service, build)


def enable_with(processor: Any, service: str, build: str) -> None:
    """Record spans and hand them to a span processor."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    named = {"service.name": service, "service.namespace": "retailstack", "service.version": build}
    _Tracing.provider = TracerProvider(resource=Resource.create(named))
    _Tracing.provider.add_span_processor(processor)
    _Tracing.tracer = _Tracing.provider.get_tracer("retailstack")


def disable() -> None:
    """Send what is recorded, then record no more."""
    if _Tracing.provider is not None:
        _Tracing.provider.shutdown()
    _Tracing.tracer = _Tracing.provider = None


def span(
    name: str, kind: Kind = "internal", traceparent: str | None = None, **attributes: Any
) -> AbstractContextManager[str | None]:
    """A span around a block, below `traceparent` or the current one; yields the traceparent to pass on.

    Yields None while nothing is recorded: pass on the one that came in. An exception that leaves the block marks the
    span.
    """
    return _NOTHING if _Tracing.tracer is None else _recorded(name, kind, traceparent, attributes)


@contextmanager
def _recorded(name: str, kind: Kind, traceparent: str | None, attributes: dict[str, Any]) -> Iterator[str | None]:
    from opentelemetry.trace import SpanKind  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    words = TraceContextTextMapPropagator()
    parent = words.extract({"traceparent": traceparent}) if traceparent else None
    with _Tracing.tracer.start_as_current_span(
        name, context=parent, kind=SpanKind[kind.upper()], attributes=attributes
    ):
        carrier: dict[str, str] = {}
        words.inject(carrier)
        yield carrier.get("traceparent")
