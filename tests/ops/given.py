"""OPS's data on a database of the test's own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chassis.clock import Clock
from chassis.mongo.client import Database
from chassis.mongo.unit import MongoUnits
from chassis.service import collect
from services.ops.app import OPS


@asynccontextmanager
async def ops_units(uri: str, name: str, clock: Clock) -> AsyncIterator[MongoUnits]:
    """Units of work over OPS's entities."""
    database = await Database.connect(uri, name)
    units = MongoUnits(database, collect(OPS).entities, clock, "ops")
    await units.start()
    try:
        yield units
    finally:
        await units.stop()
        await database.close()
