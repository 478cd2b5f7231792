"""Consumes work messages, which wake the workers of a replica.

Each replica has a queue of its own for each connection, `<service>.work.<random>`, bound to the names of its work
queues, so that all replicas are woken and those with room take the work. A message carries no data and is not
acknowledged: the work itself is in the database. After each connect, `wake` is called for every work queue.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from uuid import uuid4

from aiormq.abc import AbstractChannel, DeliveredMessage

from chassis.bus.connection import Bus, BusDown
from chassis.bus.topology import declare_exchange, declare_queue

RETRY_SECONDS = 0.5


class WorkMessages:
    """Calls `wake` with the name of a work queue as messages for it arrive, from `start` to `stop`."""

    def __init__(self, bus: Bus, queues: Sequence[str], wake: Callable[[str], None]) -> None:
        self._bus = bus
        self._names = tuple(queues)
        self._wake = wake
        self._runner: asyncio.Task[None] | None = None
        self.up = asyncio.Event()

    async def start(self) -> None:
        """Start consuming; reconnects by itself. Returns at once, with or without a broker."""
        if self._names:
            self._runner = asyncio.create_task(self._run(), name="work messages")

    async def stop(self) -> None:
        """Stop consuming; the broker removes the queue a while later."""
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
            self._runner = None

    async def _run(self) -> None:
        while True:
            with suppress(BusDown):
                async with self._bus.consuming.channel() as channel:
                    await self._consume(channel)
            self.up.clear()
            await asyncio.sleep(RETRY_SECONDS)

    async def _consume(self, channel: AbstractChannel) -> None:
        topology = self._bus.topology
        # A new one each time: a queue as young as this one may be may not have survived the broker's end.
        queue = topology.listener(f"{self._bus.service_name}.work.{uuid4().hex}")
        await declare_exchange(channel, topology)
        await declare_queue(channel, queue, self._names, topology.work_exchange)
        await channel.basic_consume(queue.name, self._arrive, no_ack=True)
        for name in self._names:
            self._wake(name)
        self.up.set()
        gone = channel.closing
        try:
            await asyncio.wait({gone})
        finally:
            gone.cancel()

    async def _arrive(self, message: DeliveredMessage) -> None:
        self._wake(message.routing_key or "")
