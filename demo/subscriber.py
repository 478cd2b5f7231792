"""A subscriber outside the stack: it binds a queue of its own to the topic exchange and listens."""

import asyncio
import json
from collections import Counter
from typing import Any

import aio_pika
from aio_pika.abc import AbstractIncomingMessage, AbstractRobustChannel, AbstractRobustConnection


class Subscriber:
    """Hears every event of one org, counts them by type and keeps the newest few."""

    def __init__(self, url: str, orgcode: str) -> None:
        self._url = url
        self._orgcode = orgcode
        self._connection: AbstractRobustConnection | None = None
        self._channel: AbstractRobustChannel | None = None
        self.heard: Counter[str] = Counter()
        self.newest: list[str] = []
        self._seen: set[str] = set()
        self._news = asyncio.Event()

    async def start(self) -> None:
        """Bind to everything and listen; the queue goes away by itself a minute after the last listener."""
        self._connection = await aio_pika.connect_robust(self._url)
        # Held on to: the connection knows its channels only weakly, and a collected one hears nothing again.
        channel = self._channel = await self._connection.channel()
        await channel.set_qos(prefetch_count=100)
        exchange = await channel.get_exchange("retailstack.events")
        arguments: dict[str, Any] = {"x-queue-type": "quorum", "x-expires": 60_000}
        queue = await channel.declare_queue(f"demo.{id(self)}", durable=True, arguments=arguments)
        await queue.bind(exchange, "#")
        await queue.consume(self._hear)

    async def _hear(self, message: AbstractIncomingMessage) -> None:
        async with message.process():
            if message.headers.get("orgcode") != self._orgcode or message.message_id in self._seen:
                return
            self._seen.add(str(message.message_id))
            kind = str(message.headers["cloudEvents:type"])
            self.heard[kind] += 1
            self.newest = [*self.newest[-5:], f"{kind}  {_gist(json.loads(message.body))}"]
            self._news.set()

    async def wait_for(self, kind: str, count: int, seconds: float) -> bool:
        """Whether so many events of a type have been heard within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while self.heard[kind] < count:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def stop(self) -> None:
        """Stop listening."""
        if self._connection is not None:
            await self._connection.close()


def _gist(body: dict[str, Any]) -> str:
    """What an event is about, in a few words."""
    if "buckets" in body:
        return f"{body['variant_id']} in {body['logical_guid']}: {body['buckets']['available']} available"
    for word, part in body.items():
        if isinstance(part, dict) and "variant_id" in part:
            return f"{word} of {part.get('quantity', '')} {part['variant_id']}"
    return f"by {body['actor']}"
