"""A subscriber outside the stack that survives the broker's restart and keeps what it heard, in order."""

import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustChannel, AbstractRobustConnection
from msgspec import Struct

from tests.waiting import within

HEARD_SECONDS = 60.0
QUEUE = "outages"
QUEUE_SAFE_SECONDS = 10.0
"""RabbitMQ 3.10 can lose a quorum queue for good when it is killed soon after the queue was declared."""


class ReceivedEvent(Struct, frozen=True):
    """One event as it came in."""

    event_id: str
    type: str
    subject: str
    body: dict[str, Any]


async def declare(url: str) -> float:
    """Make the queue that all outages listen on, and say when that was (monotonic seconds)."""
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("retailstack.events")
        queue = await channel.declare_queue(
            QUEUE, durable=True, arguments={"x-queue-type": "quorum", "x-expires": 1_800_000}
        )
        await queue.bind(exchange, "ics.#")
    return time.monotonic()


class Listener:
    """Hears the ICS events about some articles."""

    def __init__(self, url: str, variants: Sequence[str]) -> None:
        self._url = url
        self._variants = tuple(variants)
        self._connection: AbstractRobustConnection | None = None
        self._channel: AbstractRobustChannel | None = None
        self.heard: list[ReceivedEvent] = []
        self._news = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._connection = await aio_pika.connect_robust(self._url, reconnect_interval=0.2)
        # Kept, because the connection only knows its channels weakly: one that nobody else holds may be collected while
        # the broker is away, and then nothing is heard when it is back.
        self._channel = await self._connection.channel()
        await self._channel.set_qos(prefetch_count=200)
        queue = await self._channel.get_queue(QUEUE)
        await queue.consume(self._hear)
        return self

    async def __aexit__(self, *failure: object) -> None:
        assert self._connection is not None
        await self._connection.close()

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        async with message.process():
            headers = message.headers
            if not any(variant.encode() in message.body for variant in self._variants):
                return
            self.heard.append(
                ReceivedEvent(
                    event_id=str(message.message_id),
                    type=str(headers["cloudEvents:type"]),
                    subject=str(headers["cloudEvents:subject"]),
                    body=json.loads(message.body),
                )
            )
            self._news.set()

    async def until_told_of(self, event_type: str, subjects: set[str]) -> set[str]:
        """Wait until every one of these subjects has been heard of; what is still missing when patience ends."""
        with suppress(TimeoutError):
            async with within(HEARD_SECONDS):
                while subjects - self.subjects(event_type):
                    self._news.clear()
                    await self._news.wait()
        return subjects - self.subjects(event_type)

    def subjects(self, event_type: str) -> set[str]:
        """The subjects heard of under this type."""
        return {event.subject for event in self.heard if event.type == event_type}

    def first_hearings(self, event_type: str) -> dict[str, list[ReceivedEvent]]:
        """Per subject the events of this type in the order they were first heard."""
        told: dict[str, list[ReceivedEvent]] = {}
        seen: set[str] = set()
        for event in self.heard:
            if event.type == event_type and event.event_id not in seen:
                seen.add(event.event_id)
                told.setdefault(event.subject, []).append(event)
        return told
