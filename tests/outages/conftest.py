"""Outages take turns on one stack, each with articles of its own."""

import uuid

import pytest

from tests.outages.world import World


@pytest.fixture
async def variants(world: World) -> list[str]:
    """Five articles nobody else touches, with plenty of pieces in stock."""
    batch = uuid.uuid4().hex[:8]
    names = [f"OUT-{batch}-{number}" for number in range(5)]
    for name in names:
        await world.call("/ics/stock/policy/set", variant_id=name, qc="skip")
    await world.call("/ics/receive/record", lines=[{"variant_id": name, "quantity": 100_000} for name in names])
    return names
