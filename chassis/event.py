"""Events: what a service publishes, and the log that keeps them.

An event document is outbox entry (while `pending`), audit record and history in one. It is written in the transaction
of the change that emits it, and never altered except that the relay removes `pending` once the broker has confirmed it.
"""

import builtins
from typing import Any
from zlib import crc32

import msgspec

from chassis.clock import Utc
from chassis.entity import Document, Value

SHARDS = 16
"""Relay shards: subjects are spread over them by hash, and one relay at a time serves a shard."""

SPEC_VERSION = "1.0"

WORK_MESSAGE = "work"
"""The type of work messages, which are not events: they go to workers, not to subscribers."""


class Touched(Value):
    """A record that a change wrote, and its revision after the change (0: it has none, or was deleted)."""

    entity: str
    id: str
    revision: int


class EventDocument(Document):
    """One event. `body` is the JSON text that is published, encoded once."""

    event_id: str
    orgcode: str
    type: str
    subject: str
    source: str
    at_utc: Utc
    actor: str
    revision: int
    cccode: str | None
    traceparent: str | None
    reason: str | None
    touched: list[Touched]
    body: str
    shard: int
    pending: bool
    published: bool
    """Whether it is published; False marks a silent entry kept for history only."""

    causes: list[str] = msgspec.field(default_factory=list)
    """What its change is found by: the trace id of its request or job, and the ids of the operations it is part of."""

    queue: str = ""
    """Only of a work message: the work queue whose workers it wakes. It is in the log until it is published."""


class EventType(Value):
    """A declared event: its type (the routing key), what its subject is, and the struct of its body's own fields."""

    type: str
    subject: str
    body: builtins.type[Any]
    summary: str = ""


class _Named(msgspec.Struct, frozen=True):
    """The org in an event's body: an event of the system may be about an org without belonging to it."""

    orgcode: str = ""


def shard_of(subject: str) -> int:
    """The relay shard of a subject."""
    return crc32(subject.encode()) % SHARDS


def headers_of(event: EventDocument) -> dict[str, str]:
    """AMQP headers of an event: CloudEvents 1.0, binary mode (AMQP binding, section 3.1), and ours."""
    headers = {
        "cloudEvents:specversion": SPEC_VERSION,
        "cloudEvents:type": event.type,
        "cloudEvents:source": event.source,
        "cloudEvents:subject": event.subject,
        "cloudEvents:time": event.at_utc,
        "cloudEvents:id": event.event_id,
        "orgcode": event.orgcode or msgspec.json.decode(event.body, type=_Named).orgcode,
    }
    if event.traceparent:
        headers["traceparent"] = event.traceparent
    return headers
