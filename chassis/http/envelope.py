"""The two envelopes of answers, and the stats in them.

Data is encoded once, where it is made; here the encoded bytes are placed into the envelope.
"""

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Struct, UnsetType

from chassis.clock import Utc
from chassis.errors import Dialect, Refusal, error_object, tag_of
from chassis.frozen import Frozen
from chassis.service import Service
from chassis.settings import BaseSettings

encode = msgspec.json.Encoder().encode
"""Encodes every answer."""


class Build(Struct, frozen=True):
    """The build of the service that answered."""

    build_major: int
    build_minor: int
    build_id: str


class Stats(Frozen):
    """Facts about an answer. `duration_ms` counts milliseconds from the request's head to the answer."""

    service: str
    call: str
    timestamp_utc: Utc
    request_id: str
    session_fingerprint: str | UnsetType = UNSET
    duration_ms: float
    build: Build


class Envelope(Protocol):
    """How a service wraps data and refusals."""

    def success(self, data: bytes, stats: Stats) -> bytes:
        """The whole answer around encoded data."""
        ...

    def failure(self, error: bytes, stats: Stats) -> bytes:
        """The whole answer around an encoded error."""
        ...

    def error(self, refusal: Refusal) -> bytes:
        """A refusal, encoded."""
        ...


class StandardEnvelope:
    """`{success, data | error, stats}`."""

    def __init__(self, service: str, dialect: Dialect, reasons: Mapping[str, str] | None = None) -> None:
        self._service = service
        self._dialect = dialect
        self._reasons = reasons

    def success(self, data: bytes, stats: Stats) -> bytes:
        return b'{"success":true,"data":%b,"stats":%b}' % (data, encode(stats))

    def failure(self, error: bytes, stats: Stats) -> bytes:
        return b'{"success":false,"error":%b,"stats":%b}' % (error, encode(stats))

    def error(self, refusal: Refusal) -> bytes:
        return encode(error_object(refusal, self._service, self._dialect, self._reasons))


class GridError(Struct, frozen=True):
    """VisualGrid's error. Problems with fields are part of the message."""

    tag: str
    message: str


class GridBuild(Struct, frozen=True):
    """Service and version that answered."""

    service: str
    version: str


class GridEnvelope:
    """VisualGrid's envelope: `{ok, data | error, build}`."""

    def __init__(self, service: str, dialect: Dialect, version: str) -> None:
        self._dialect = dialect
        self._build = encode(GridBuild(service, version))

    def success(self, data: bytes, stats: Stats) -> bytes:  # noqa: ARG002  this envelope has no stats
        return b'{"ok":true,"data":%b,"build":%b}' % (data, self._build)

    def failure(self, error: bytes, stats: Stats) -> bytes:  # noqa: ARG002
        return b'{"ok":false,"error":%b,"build":%b}' % (error, self._build)

    def error(self, refusal: Refusal) -> bytes:
        fields: list[Any] = refusal.details.get("fields", [])
        named = "; ".join(f"{field.path}: {field.problem}" for field in fields)
        message = named if named and named not in refusal.message else refusal.message
        return encode(GridError(tag_of(refusal, self._dialect), message))


def build_of(settings: BaseSettings) -> Build:
    """The build that the settings name."""
    return Build(settings.build_major, settings.build_minor, settings.build_id)


def envelope_of(service: Service, settings: BaseSettings) -> Envelope:
    """The envelope of a service's answers."""
    if service.envelope == "visualgrid":
        version = f"{settings.build_major}.{settings.build_minor}+{settings.build_id}"
        return GridEnvelope(service.name, service.dialect, version)
    return StandardEnvelope(service.name, service.dialect, service.reasons)
