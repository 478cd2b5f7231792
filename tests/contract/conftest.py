"""A running ICS a module, and an org of its own for whoever asks."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from chassis.testing.client import ServiceClient
from services.ics.app import ICS
from tests.running import Engines, share_event_loop


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a module share an event loop. Items of other folders come here, too."""
    share_event_loop(items, Path(__file__).parent)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ics_service(engines: Engines) -> AsyncIterator[ServiceClient]:
    """A running ICS, asked by a user who holds all of its roles."""
    async with engines.serve(ICS) as client:
        yield client
