"""A database, and replicas whose clock stands still."""

from collections.abc import AsyncIterator

import pytest

from chassis.clock import FixedClock, SystemClock
from chassis.jobs.state import JOB_STATES
from chassis.mongo.client import Database
from chassis.mongo.unit import MongoUnits
from tests.chassis.jobs.given import NOON, Replicas


@pytest.fixture
async def database(mongodb_uri: str, database_name: str) -> AsyncIterator[Database]:
    database = await Database.connect(mongodb_uri, database_name)
    yield database
    await database.close()


@pytest.fixture
async def units(database: Database) -> AsyncIterator[MongoUnits]:
    units = MongoUnits(database, [JOB_STATES], SystemClock(), "/test")
    await units.start()
    yield units
    await units.stop()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOON)


@pytest.fixture
def replicas(database: Database, units: MongoUnits, clock: FixedClock) -> Replicas:
    return Replicas(database, units, clock)
