"""One stack for all outages: they take turns on it, each with articles of its own."""

import asyncio
import time
import uuid
from collections.abc import Iterator

import pytest

from tests.engines import Room
from tests.outages.listener import QUEUE_SAFE_SECONDS, declare
from tests.outages.world import World


@pytest.fixture(scope="session")
def world(room: Room) -> Iterator[World]:
    """The stack under test, taken down at the end."""
    stack = World(room.folder / "outages")
    try:
        stack.up()
        declared = asyncio.run(declare(stack.stack["AMQP_URL"]))
        time.sleep(max(0.0, declared + QUEUE_SAFE_SECONDS - time.monotonic()))
        yield stack
    finally:
        stack.down()


@pytest.fixture
async def variants(world: World) -> list[str]:
    """Five articles nobody else touches, with plenty of pieces in stock."""
    batch = uuid.uuid4().hex[:8]
    names = [f"OUT-{batch}-{number}" for number in range(5)]
    for name in names:
        await world.call("/ics/stock/policy/set", variant_id=name, qc="skip")
    await world.call("/ics/receive/record", lines=[{"variant_id": name, "quantity": 100_000} for name in names])
    return names
