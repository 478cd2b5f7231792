"""Messages from queues, and copies of them for other queues."""

from collections.abc import Mapping
from time import monotonic
from typing import Any

from aiormq.abc import AbstractChannel, DeliveredMessage
from pamqp.commands import Basic

from chassis.bus.connection import ANSWER_SECONDS, BusDown
from chassis.clock import Utc
from chassis.entity import Value

TRIES = "x-tries"
REASON = "x-reason"
FAILED_UTC = "x-failed-utc"
KEY = "x-key"
"""Header with the first routing key of a message: copies are published with the queue's name as routing key."""

REASON_CHARS_MAX = 500


class BusMessage(Value):
    """A message from a queue. `headers` are those of its publisher, without the broker's own.

    `arrived` is when it came to this process, in seconds of the monotonic clock.
    """

    message_id: str
    routing_key: str
    headers: dict[str, Any]
    body: bytes
    tag: int
    tries: int
    reason: str
    failed_utc: Utc | None
    properties: Any
    arrived: float = 0.0


def message_of(message: DeliveredMessage) -> BusMessage:
    """The message of a delivery."""
    properties = message.header.properties
    headers: Mapping[str, Any] = properties.headers or {}
    tries, failed = headers.get(TRIES), headers.get(FAILED_UTC)
    return BusMessage(
        message_id=properties.message_id or "",
        routing_key=str(headers.get(KEY) or message.routing_key or ""),
        headers={name: value for name, value in headers.items() if not name.startswith("x-")},
        body=message.body,
        tag=message.delivery_tag or 0,
        tries=tries if isinstance(tries, int) else 0,
        reason=str(headers.get(REASON) or _broker_reason(headers)),
        failed_utc=Utc(failed) if isinstance(failed, str) else None,
        properties=properties,
        arrived=monotonic(),
    )


async def pass_on(channel: AbstractChannel, message: BusMessage, queue: str, marks: Mapping[str, Any]) -> None:
    """Publish a copy with further headers to the queue; returns when the broker has confirmed it, else `BusDown`."""
    properties = message.properties
    copy = Basic.Properties(
        content_type=properties.content_type,
        content_encoding=properties.content_encoding,
        delivery_mode=2,
        message_id=properties.message_id,
        timestamp=properties.timestamp,
        headers={**message.headers, KEY: message.routing_key, **marks},
    )
    answer = await channel.basic_publish(
        message.body, routing_key=queue, properties=copy, mandatory=True, timeout=ANSWER_SECONDS
    )
    if not isinstance(answer, Basic.Ack):
        raise BusDown(f"{queue} did not take a message")


def failure_marks(tries: int, reason: str, now: Utc) -> dict[str, Any]:
    """Headers of a copy: how often its handling failed, why and when."""
    return {TRIES: tries, REASON: reason[:REASON_CHARS_MAX], FAILED_UTC: now}


def _broker_reason(headers: Mapping[str, Any]) -> str:
    """Why the broker itself dead-lettered the message, or an empty text."""
    deaths = headers.get("x-death")
    if not isinstance(deaths, list) or not deaths or not isinstance(deaths[0], dict):
        return ""
    words = {"delivery_limit": "handed out too often without an answer", "rejected": "refused", "expired": "expired"}
    reason = str(deaths[0].get("reason", ""))
    return words.get(reason, reason)
