"""The two envelopes answers come in, and their stats.

The data of an answer is encoded once, by whoever made it; here it is only put between the envelope's own bytes.
"""

from typing import Any, Protocol

import msgspec
from msgspec import UNSET, Struct, UnsetType

from chassis.clock import Utc
from chassis.errors import Dialect, Refusal, error_object, tag_of
from chassis.frozen import Frozen
from chassis.service import Service
from chassis.settings import BaseSettings

encode = msgspec.json.Encoder().encode
"""The one encoder of answers."""


class Build(Struct, frozen=True):
    """Which build answered."""

    build_major: int
    build_minor: int
    build_id: str


class Stats(Frozen):
    """What every answer says of itself. `duration_ms` runs from the head of the request to its answer."""

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

    def __init__(self, service: str, dialect: Dialect) -> None:
        self._service = service
        self._dialect = dialect

    def success(self, data: bytes, stats: Stats) -> bytes:
        return b'{"success":true,"data":%b,"stats":%b}' % (data, encode(stats))

    def failure(self, error: bytes, stats: Stats) -> bytes:
        return b'{"success":false,"error":%b,"stats":%b}' % (error, encode(stats))

    def error(self, refusal: Refusal) -> bytes:
        return encode(error_object(refusal, self._service, self._dialect))


class GridError(Struct, frozen=True):
    """VisualGrid's error: what is wrong with which field stands in the message."""

    tag: str
    message: str


class GridBuild(Struct, frozen=True):
    """Which build of which service answered."""

    service: str
    version: str


class GridEnvelope:
    """VisualGrid's own: `{ok, data | error, build}`, without stats."""

    def __init__(self, service: str, dialect: Dialect, version: str) -> None:
        self._dialect = dialect
        self._build = encode(GridBuild(service, version))

    def success(self, data: bytes, stats: Stats) -> bytes:  # noqa: ARG002  it has none
        return b'{"ok":true,"data":%b,"build":%b}' % (data, self._build)

    def failure(self, error: bytes, stats: Stats) -> bytes:  # noqa: ARG002
        return b'{"ok":false,"error":%b,"build":%b}' % (error, self._build)

    def error(self, refusal: Refusal) -> bytes:
        fields: list[Any] = refusal.details.get("fields", [])
        named = "; ".join(f"{field.path}: {field.problem}" for field in fields)
        message = named if named and named not in refusal.message else refusal.message
        return encode(GridError(tag_of(refusal, self._dialect), message))


def build_of(settings: BaseSettings) -> Build:
    """The build a process was started as."""
    return Build(settings.build_major, settings.build_minor, settings.build_id)


def envelope_of(service: Service, settings: BaseSettings) -> Envelope:
    """The envelope a service answers in."""
    if service.envelope == "visualgrid":
        version = f"{settings.build_major}.{settings.build_minor}+{settings.build_id}"
        return GridEnvelope(service.name, service.dialect, version)
    return StandardEnvelope(service.name, service.dialect)
