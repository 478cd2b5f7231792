"""Live events, for operators who watch and for state of every replica (the gate).

Delivery is not guaranteed: the queue belongs to the listener and expires soon after it stops, and a slow listener loses
the oldest events. Use a consumer for events that must not be lost.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from uuid import uuid4

from aiormq.abc import AbstractChannel, DeliveredMessage

from chassis.bus.connection import Bus, BusDown
from chassis.bus.event_message import event_of
from chassis.bus.message import message_of
from chassis.bus.topology import declare_exchange, declare_queue
from chassis.clock import Clock
from chassis.consumer import DeadLetter, Event

BUFFER_EVENTS_MAX = 1000
RETRY_SECONDS = 0.5


class Listener:
    """Receives events whose type matches a key, between `start` and `stop`; iterate over it to get them."""

    def __init__(
        self, bus: Bus, keys: Sequence[str], clock: Clock, *, name: str = "tail", buffer: int = BUFFER_EVENTS_MAX
    ) -> None:
        self._bus = bus
        self._keys = tuple(keys) or ("#",)
        self._clock = clock
        self._name = f"{bus.service_name}.{name}"
        self._queue = bus.topology.listener(f"{self._name}.{uuid4().hex}")
        self._received: deque[Event] = deque(maxlen=buffer)
        self._arrived = asyncio.Event()
        self._listening = asyncio.Event()
        self._runner: asyncio.Task[None] | None = None
        self.dropped = 0

    async def start(self, seconds: float | None = None) -> None:
        """Start listening. With `seconds` it returns when the queue is bound, or raises `BusDown` after that time."""
        self._runner = asyncio.create_task(self._run(), name=f"listener {self._name}")
        if seconds is None:
            return
        try:
            async with asyncio.timeout(seconds):
                await self._listening.wait()
        except TimeoutError as cause:
            await self.stop()
            raise BusDown from cause

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is None:
            return
        # The queue is left to expire: RabbitMQ 3.10 loses the supervisor of all its dead-letter workers for good when a
        # queue is deleted while its own worker still starts.
        self._runner.cancel()
        await asyncio.gather(self._runner, return_exceptions=True)
        self._runner = None

    async def __aiter__(self) -> AsyncIterator[Event]:
        while True:
            while self._received:
                yield self._received.popleft()
            self._arrived.clear()
            await self._arrived.wait()

    async def _run(self) -> None:
        while True:
            with suppress(BusDown):
                async with self._bus.consuming.channel() as channel:
                    await self._listen(channel)
            await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self, channel: AbstractChannel) -> None:
        topology = self._bus.topology
        await declare_exchange(channel, topology)
        await declare_queue(channel, self._queue, self._keys, topology.exchange)
        await channel.basic_consume(self._queue.name, self._arrive, no_ack=True)
        self._listening.set()
        gone = channel.closing
        try:
            await asyncio.wait({gone})
        finally:
            gone.cancel()

    async def _arrive(self, message: DeliveredMessage) -> None:
        with suppress(DeadLetter):  # Messages that are not events are skipped.
            event = event_of(message_of(message), self._name, self._clock.now())
            self.dropped += len(self._received) == self._received.maxlen
            self._received.append(event)
            self._arrived.set()
