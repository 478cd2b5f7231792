"""Log lines: one JSON object each on stdout, with trace and request ids, without anything secret.

`get_logger(name)` gives a structlog logger; an event is a short sentence, what a program needs goes into keywords:
`log.warning("the relay lost its lease", shard=3)`.
"""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any, TextIO

import msgspec
import structlog

from chassis.clock import SystemClock
from chassis.telemetry.trace import current

SEALED = frozenset({
    "session_guid", "api_key", "secret_code", "vg_token", "authorization", "cookie", "set-cookie", "password", "secret",
    "token", "caller_key", "caller_signing_keys", "gateway_key", "page_key", "mongodb_uri", "amqp_url",
    "x-session-guid", "x-api-key", "x-secret-code", "x-vg-token", "x-caller",
})  # fmt: skip
"""Names whose values never appear in a log line."""

MASK = "…"
_CREDENTIALS = re.compile(
    r"rsk_[A-Za-z0-9-]+_[A-Za-z0-9_-]+"  # an API key; its id is a UUID
    r"|eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+"  # a signed header
    r"|(?<=://)[^/@\s]+(?=@)"  # user and password in an address
)
_DEPTH_MAX = 4
_encoder = msgspec.json.Encoder(enc_hook=repr, order="sorted")
_clock = SystemClock()


def get_logger(name: str) -> Any:
    """The logger of a module, by its name."""
    return structlog.get_logger(part=name)


def configure(level: str, *, service: str, replica: str, build: str, out: TextIO | None = None) -> None:
    """Write the process's log lines, ours and those of libraries, to `out` (stdout), from this level on."""
    threshold = logging.getLevelNamesMapping()[level.upper()]
    own = {"service": service, "replica": replica, "build": build}

    def add_own(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        event.update(own)
        return event

    shared: list[Any] = [
        add_own,
        add_time,
        add_ids,
        structlog.processors.format_exc_info,
        redact,
    ]
    structlog.configure(
        processors=[structlog.processors.add_log_level, *shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(file=out or sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(out or sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *shared, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Libraries log much at info level that calls for no action.
    root.setLevel(max(threshold, logging.WARNING))


def add_time(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the time."""
    event["at_utc"] = _clock.now()
    return event


def add_ids(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Add the request and trace ids, if there are any."""
    scope = current()
    if scope is not None:
        event.setdefault("request_id", scope.request_id)
        event.setdefault("call", scope.call)
        if scope.traceparent:
            event.setdefault("trace_id", scope.traceparent[3:35])
    return event


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Mask every value whose name is sealed, and every text that looks like a credential, at any depth."""
    for name, value in event.items():
        event[name] = MASK if name.lower() in SEALED else _clean(value, 0)
    return event


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _CREDENTIALS.sub(MASK, value)
    if depth >= _DEPTH_MAX:
        return MASK
    if isinstance(value, Mapping):
        return {
            str(name): MASK if str(name).lower() in SEALED else _clean(each, depth + 1) for name, each in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_clean(each, depth + 1) for each in value]
    if isinstance(value, msgspec.Struct):
        return _clean(msgspec.structs.asdict(value), depth + 1)
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return _CREDENTIALS.sub(MASK, repr(value))


def render(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    """The line as JSON."""
    return _encoder.encode(event).decode()
