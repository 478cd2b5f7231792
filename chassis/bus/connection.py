"""Connections to the broker that reconnect automatically, and channels on them.

A connection is opened in the background and again after it is lost, with growing pauses; the log has one line when the
broker is lost and one when it is back. Start-up never waits for the broker. Errors of the broker's library are turned
into `BusDown` here.
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

# The library logs every failed attempt and every lost channel as an error; we log each outage once.
for _name in ("aiormq", "aio_pika"):
    logging.getLogger(_name).setLevel(logging.CRITICAL)

log = get_logger("chassis.bus")


class BusDown(Unavailable):
    """The broker cannot be reached or did not answer in time. Nothing is lost; try again later."""

    def __init__(self, message: str = "the event bus cannot be reached") -> None:
        super().__init__(message)


@contextmanager
def translated() -> Iterator[None]:
    """Raise errors of the broker's library as `BusDown`.

    The library cancels tasks that wait on a lost connection, although nobody cancelled them: such a cancellation means
    that the connection has ended.
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
        self._stopping = False

    @property
    def up(self) -> bool:
        """Whether the connection is open."""
        return self._connection is not None and not self._connection.is_closed

    async def start(self) -> None:
        """Connect in the background, and reconnect whenever the connection is lost."""
        self._stopping = False
        self._runner = asyncio.create_task(self._run(), name=f"bus link {self._name}")

    async def stop(self) -> None:
        """Close the connection and stop reconnecting."""
        if self._runner is not None:
            self._stopping = True
            self._runner.cancel()
            await asyncio.gather(self._runner, return_exceptions=True)
            self._runner = None

    async def ready(self, seconds: float | None = None) -> AmqpConnection:
        """The open connection. Raises `BusDown` if it is not open within `seconds`."""
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
        """A new channel for the block. Errors of the broker inside it are raised as `BusDown`."""
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
        # Asked besides being cancelled: what the library waits with loses a cancellation that comes as its wait ends.
        while not self._stopping:
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
        """Make the connection available until it ends, unless it is no longer wanted."""
        if self._stopping:
            return
        transport = connection.transport
        assert transport is not None, "a connection that has just been made has a transport"
        self._connection = transport.connection
        async with self._changed:
            self._changed.notify_all()
        await asyncio.wait([transport.connection.closing])


class Bus:
    """The broker, over two connections: one to publish, one to consume.

    A broker that throttles publishers stops reading their connection, and would not read acknowledgements on it.
    """

    def __init__(self, amqp_url: str, service_name: str, prefix: str = "") -> None:
        self.service_name = service_name
        self.topology = Topology(prefix=prefix)
        self.publishing = BrokerConnection(amqp_url, f"{service_name} publishing")
        self.consuming = BrokerConnection(amqp_url, f"{service_name} hearing")

    @property
    def up(self) -> bool:
        """Whether the service can publish and consume, for readiness."""
        return self.publishing.up and self.consuming.up

    async def start(self) -> None:
        """Connect in the background; returns at once, with or without a broker."""
        await self.publishing.start()
        await self.consuming.start()

    async def ready(self, seconds: float) -> None:
        """Wait until both connections are open and the exchange exists. Raises `BusDown` after `seconds`."""
        await self.consuming.ready(seconds)
        async with self.publishing.channel(seconds=seconds) as channel:
            await declare_exchange(channel, self.topology)

    async def stop(self) -> None:
        """Close both connections; stop their users first."""
        await self.publishing.stop()
        await self.consuming.stop()


async def _close(connection: aio_pika.Connection) -> None:
    """Close a connection in any state."""
    with suppress(AMQPError, OSError, RuntimeError, TimeoutError):
        await asyncio.wait_for(connection.close(), ANSWER_SECONDS)


def _with_defaults(url: str, name: str) -> URL:
    """The address with a name for the broker's list of connections, and heartbeats that detect a dead peer."""
    address = URL(url)
    given: dict[str, Any] = dict(address.query)
    return address.with_query({"heartbeat": str(HEARTBEAT_SECONDS), "name": name, **given})
