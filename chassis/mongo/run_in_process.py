"""Long scans in a child process with its own connection to the database."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from chassis import child_process
from chassis.caller import Call
from chassis.clock import Clock
from chassis.mongo.client import Database, Driver
from chassis.mongo.paging import Paging
from chassis.mongo.quirks import Engine
from chassis.mongo.snapshot_reader import MongoSnapshotReaders
from chassis.mongo.table import Tables
from chassis.page import Seal

T = TypeVar("T")


class _Address(NamedTuple):
    uri: str
    name: str
    driver: Driver
    engine: Engine


async def run_in_process(
    database: Database, clock: Clock, work: Callable[..., Awaitable[T]], call: Call, *given: Any
) -> T:
    """Run `work` over the same database in a child process; see `Units.run_in_process`."""
    address = _Address(database.uri, database.name, database.driver, database.quirks.engine)
    return await child_process.run(_done, address, clock, work, call, given)


def _done(address: _Address, clock: Clock, work: Callable[..., Awaitable[T]], call: Call, given: tuple[Any, ...]) -> T:
    async def do() -> T:
        database = await Database.connect(*address)
        try:
            # No page token leaves the child process, so any key will do.
            paging = Paging(Seal(secrets.token_bytes(32)), database.quirks)
            return await work(MongoSnapshotReaders(database, Tables(), paging, clock), call, *given)
        finally:
            await database.close()

    return asyncio.run(do())
