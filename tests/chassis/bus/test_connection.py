"""A connection to the broker ends when it is told to, whatever its library does with a cancellation."""

import asyncio
from contextlib import suppress
from typing import Any

import aio_pika
import pytest

from chassis.bus.connection import BrokerConnection, BusDown
from tests.waiting import until, within


class Swallowing:
    """Stands before the library's `connect` and loses the first cancellation, as the library sometimes does."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, connects: bool) -> None:
        self.entered = asyncio.Event()
        self.calls = 0
        original = aio_pika.Connection.connect

        async def connect(connection: aio_pika.Connection, timeout: Any = None) -> None:
            self.calls += 1
            self.entered.set()
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            if not connects:
                raise TimeoutError
            await original(connection, timeout)

        monkeypatch.setattr(aio_pika.Connection, "connect", connect)


@pytest.mark.parametrize("connects", [True, False])
async def test_a_stop_ends_a_connection_whose_cancellation_is_lost(
    monkeypatch: pytest.MonkeyPatch, amqp_url: str, connects: bool
) -> None:
    library = Swallowing(monkeypatch, connects=connects)
    connection = BrokerConnection(amqp_url, "test")
    await connection.start()
    await library.entered.wait()

    async with within(10):
        await connection.stop()

    assert not connection.up
    assert library.calls == 1


async def test_a_stopped_connection_can_be_started_again(amqp_url: str) -> None:
    connection = BrokerConnection(amqp_url, "test")
    for _ in range(2):
        await connection.start()
        await until(lambda: connection.up, 10)
        await connection.stop()
        with pytest.raises(BusDown):
            await connection.ready(0.01)
