"""An external subscriber: it binds its own queue to the topic exchange and consumes."""

import asyncio
import json
from collections import Counter
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustChannel, AbstractRobustConnection


class Subscriber:
    """Consumes the events of one org, counts them by type, and keeps the newest few."""

    def __init__(self, url: str, orgcode: str) -> None:
        self._url = url
        self._orgcode = orgcode
        self._connection: AbstractRobustConnection | None = None
        self._channel: AbstractRobustChannel | None = None
        self.received: Counter[str] = Counter()
        self.newest: list[str] = []
        self._seen: set[str] = set()
        self._arrived = asyncio.Event()

    async def start(self) -> None:
        """Bind to all events and consume. RabbitMQ deletes the queue a minute after the last consumer has gone."""
        self._connection = await aio_pika.connect_robust(self._url)
        # Keep a reference: the connection has only a weak one, and a collected channel receives nothing.
        channel = self._channel = await self._connection.channel()
        await channel.set_qos(prefetch_count=100)
        exchange = await channel.get_exchange("retailstack.events")
        arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-expires": 60_000}
        queue = await channel.declare_queue(f"demo.{id(self)}", durable=True, arguments=arguments)
        await queue.bind(exchange, "#")
        await queue.consume(self._consume)

    async def _consume(self, message: AbstractIncomingMessage) -> None:
        async with message.process():
            if message.headers.get("orgcode") != self._orgcode or message.message_id in self._seen:
                return
            self._seen.add(str(message.message_id))
            kind = str(message.headers["cloudEvents:type"])
            self.received[kind] += 1
            self.newest = [*self.newest[-5:], f"{kind}  {_summary(json.loads(message.body))}"]
            self._arrived.set()

    async def wait_for(self, kind: str, count: int, seconds: float) -> bool:
        """Wait for `count` events of a type; whether they arrived within `seconds`."""
        try:
            async with asyncio.timeout(seconds):
                while self.received[kind] < count:
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Stop consuming and close the connection."""
        if self._connection is not None:
            await self._connection.close()


def _summary(body: dict[str, Any]) -> str:
    """The event in a few words."""
    if "buckets" in body:
        return f"{body['variant_id']} in {body['logical_guid']}: {body['buckets']['available']} available"
    for word, part in body.items():
        if isinstance(part, dict) and "variant_id" in part:
            return f"{word} of {part.get('quantity', '')} {part['variant_id']}"
    return f"by {body['actor']}"
