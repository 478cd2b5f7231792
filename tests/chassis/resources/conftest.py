"""A shelf and a library, the steps in which they start and stop, and where their service runs."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from chassis.clock import Clock
from chassis.resource import resource
from chassis.telemetry.metrics import Metrics
from tests.chassis.resources.given import LENT, Library, Shelf


@pytest.fixture
def steps() -> list[str]:
    """What was started and stopped, in order."""
    return []


@pytest.fixture
def resources(steps: list[str]) -> list[Any]:
    """A shelf, and a library that stands on it."""

    @resource(health=Shelf.answers)
    async def shelf(clock: Clock) -> AsyncIterator[Shelf]:
        """Books."""
        steps.append("shelf up")
        yield Shelf(f"books of {clock.now()[:2]}")
        steps.append("shelf down")

    @resource(metrics=[LENT])
    async def library(shelf: Shelf, metrics: Metrics) -> AsyncIterator[Library]:
        """Lends books."""
        steps.append("library up")
        yield Library(shelf, metrics)
        steps.append("library down")

    return [shelf, library]


@pytest.fixture
def place(mongodb_uri: str, database_name: str, amqp_url: str, bus_prefix: str) -> dict[str, Any]:
    """The test's own part of the database and broker, as `serve` takes it."""
    return {"mongodb_uri": mongodb_uri, "database": database_name, "amqp_url": amqp_url, "prefix": bus_prefix}
