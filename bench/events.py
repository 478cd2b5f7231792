"""Measures the delay of events: from the time in their header to their delivery, on one clock."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import aio_pika
from aio_pika.abc import AbstractIncomingMessage

from chassis.clock import Utc, to_seconds

SETTLE_SECONDS = 20


class EventReceiver:
    """The delays of the events received, in milliseconds."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self._news = asyncio.Event()

    async def take(self, message: AbstractIncomingMessage) -> None:
        """Record one event. Its header has whole milliseconds, so the error is half a millisecond."""
        arrived = time.time()
        self.latencies.append(max(0.0, (arrived - to_seconds(Utc(str(message.headers["cloudEvents:time"])))) * 1000))
        self._news.set()

    async def settle(self, expected: int) -> None:
        """Wait until the expected number of events has arrived, or until the deadline."""
        with suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_SECONDS):
                while len(self.latencies) < expected:
                    self._news.clear()
                    await self._news.wait()


@asynccontextmanager
async def listen(url: str, key: str) -> AsyncIterator[EventReceiver]:
    """Consume one routing key while the block runs."""
    heard = EventReceiver()
    connection = await aio_pika.connect(url)
    async with connection:
        channel = await connection.channel()
        exchange = await channel.get_exchange("retailstack.events")
        queue = await channel.declare_queue(
            f"bench.{time.monotonic_ns()}", durable=True, arguments={"x-queue-type": "quorum", "x-expires": 60_000}
        )
        await queue.bind(exchange, key)
        await queue.consume(heard.take, no_ack=True)
        yield heard
