"""A running ICS, shared by the tests of a module."""

from collections.abc import AsyncIterator

import pytest_asyncio

from chassis.testing.client import ServiceClient
from services.ics.app import ICS
from tests.running import Engines


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ics_service(engines: Engines) -> AsyncIterator[ServiceClient]:
    """A running ICS, asked by a user who holds all of its roles."""
    async with engines.serve(ICS) as client:
        yield client
