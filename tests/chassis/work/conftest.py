"""A database that has work in it."""

from collections.abc import AsyncIterator

import pytest

from chassis.mongo.unit import MongoUnits
from tests.chassis.work.given import work_units


@pytest.fixture
async def units(mongodb_uri: str, database_name: str) -> AsyncIterator[MongoUnits]:
    """Units of a database that has work in it."""
    async with work_units(mongodb_uri, database_name) as units:
        yield units
