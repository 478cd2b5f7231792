"""Connections to the broker that come back by themselves, and channels on them.

A link keeps one connection open for as long as it runs: it connects in the background, tries again with growing pauses,
and says so once when the broker goes and once when it is back. Nothing of it waits for the broker at start-up. What the
broker's library raises ends here: everybody else in the stack only ever sees `BusDown`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from random import uniform
from typing import Any

import aio_pika
from aiormq.abc import AbstractChannel
from aiormq.abc import AbstractConnection as AmqpConnection
from aiormq.exceptions import AMQPError
from yarl import URL

from chassis.bus.topology import Topology, declare_exchange
from chassis.errors import Unavailable
from chassis.telemetry.log import get_logger

HEARTBEAT_SECONDS = 10
CONNECT_SECONDS = 5.0
RETRY_SECONDS_MIN = 0.05
RETRY_SECONDS_MAX = 2.0
ANSWER_SECONDS = 10.0
"""How long the broker may take to answer a request on a channel."""

# The library reports every failed attempt and every lost channel as an error of its own; a link says it once.
for _name in ("aiormq", "aio_pika"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

log = get_logger("chassis.bus")


class BusDown(Unavailable):
    """The broker cannot be reached, or did not answer in time. Nothing is lost by it; later is the answer."""

    def __init__(self, message: str = "the event bus cannot be reached") -> None:
        super().__init__(message)


@contextmanager
def translated() -> Iterator[None]:
    """Turn what the broker's library raises into BusDown.

    The library cancels what waits on a connection that goes away, also where the waiting task itself was never asked to
    end: such a cancellation is the connection's end, not ours.
    """
    try:
        yield
    except asyncio.CancelledError as cause:
        task = asyncio.current_task()
        if task is None or task.cancelling() > 0:
            raise
        raise BusDown("the connection to the event bus was lost") from cause
    except (AMQPError, OSError, RuntimeError, TimeoutError) as cause:
        raise BusDown(f"the event bus failed: {type(cause).__name__}: {cause}") from cause


class BrokerConnection:
    """One connection to the broker, for one purpose."""

    def __init__(self, url: str, name: str) -> None:
        self._url = _with_defaults(url, name)
        self._name = name
        self._connection: AmqpConnection | None = None
        self._changed = asyncio.Condition()
        self._runner: asyncio.Task[None] | None = None

    @property
    def up(self) -> bool:
        """Whether the connection stands."""
        return self._connection is not None and not self._connection.is_closed

    async def start(self) -> None:
        """Begin to connect, and go on connecting."""
        self._runner = asyncio.create_task(self._run(), name=f"bus link {self._name}")

    async def stop(self) -> None:
        """Close the connection, and connect no more."""
        if self._runner is not None:
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
            self._runner = None

    async def ready(self, seconds: float | None = None) -> AmqpConnection:
        """The connection, once it stands; BusDown when it does not within the seconds."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                await self._changed.wait_for(lambda: self.up)
        except TimeoutError as cause:
            raise BusDown from cause
        if self._connection is None:
            raise BusDown
        return self._connection

    @asynccontextmanager
    async def channel(self, *, confirms: bool = False, seconds: float | None = None) -> AsyncIterator[AbstractChannel]:
        """A channel of its own for the block; what the broker fails at inside becomes BusDown."""
        connection = await self.ready(seconds)
        with translated():
            async with asyncio.timeout(ANSWER_SECONDS):
                channel = await connection.channel(publisher_confirms=confirms, on_return_raises=False)
            try:
                yield channel
            finally:
                with suppress(AMQPError, OSError, RuntimeError, TimeoutError):
                    await asyncio.wait_for(channel.close(), ANSWER_SECONDS)

    async def _run(self) -> None:
        pause = RETRY_SECONDS_MIN
        down = False
        while True:
            connection = aio_pika.Connection(self._url)
            try:
                with translated():
                    await connection.connect(timeout=CONNECT_SECONDS)
            except BusDown as cause:
                await _close(connection)
                if not down:
                    log.warning("the event bus cannot be reached", link=self._name, reason=cause.message)
                down = True
                await asyncio.sleep(uniform(pause / 2, pause))
                pause = min(pause * 2, RETRY_SECONDS_MAX)
                continue
            log.info("the event bus is reached", link=self._name)
            down, pause = False, RETRY_SECONDS_MIN
            try:
                await self._hold(connection)
            finally:
                self._connection = None
                await _close(connection)
            log.warning("the connection to the event bus was lost", link=self._name)
            down = True

    async def _hold(self, connection: aio_pika.Connection) -> None:
        """Offer the connection until it ends."""
        transport = connection.transport
        assert transport is not None, "a connection that has just been made has a transport"
        self._connection = transport.connection
        async with self._changed:
            self._changed.notify_all()
        await asyncio.wait([transport.connection.closing])


class Bus:
    """The broker as a service sees it: one link to publish on, one to hear on.

    They are two because a broker that slows publishers down stops reading their connection, and with it the
    acknowledgements on it.
    """

    def __init__(self, amqp_url: str, service_name: str, prefix: str = "") -> None:
        self.service_name = service_name
        self.topology = Topology(prefix=prefix)
        self.publishing = BrokerConnection(amqp_url, f"{service_name} publishing")
        self.consuming = BrokerConnection(amqp_url, f"{service_name} hearing")

    @property
    def up(self) -> bool:
        """Whether the service can publish and hear: for readiness."""
        return self.publishing.up and self.consuming.up

    async def start(self) -> None:
        """Begin to connect; returns at once, with or without a broker."""
        await self.publishing.start()
        await self.consuming.start()

    async def ready(self, seconds: float) -> None:
        """Wait until both links stand and the exchange is there; BusDown when that takes longer."""
        await self.consuming.ready(seconds)
        async with self.publishing.channel(seconds=seconds) as channel:
            await declare_exchange(channel, self.topology)

    async def stop(self) -> None:
        """Close both links; stop what uses them first."""
        await self.publishing.stop()
        await self.consuming.stop()


async def _close(connection: aio_pika.Connection) -> None:
    """Close a connection, whatever state it is in."""
    with suppress(AMQPError, OSError, RuntimeError, TimeoutError):
        await asyncio.wait_for(connection.close(), ANSWER_SECONDS)


def _with_defaults(url: str, name: str) -> URL:
    """The address with a name for the broker's list of connections, and heartbeats that notice a dead peer soon."""
    address = URL(url)
    given: dict[str, Any] = dict(address.query)
    return address.with_query({"heartbeat": str(HEARTBEAT_SECONDS), "name": name, **given})
