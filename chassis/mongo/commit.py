"""Committing a transaction, and finding the outcome of a commit whose answer was lost."""

import asyncio
import random
from time import monotonic

from chassis.errors import Unavailable
from chassis.mongo.client import Database
from chassis.mongo.errors import DatabaseUnreachable, Transient, UnknownCommit
from chassis.mongo.flush import Writes
from chassis.mongo.stats import UnitStats
from chassis.mongo.transaction import Transaction

RESOLVE_SECONDS_MAX = 15.0


async def commit(database: Database, transaction: Transaction, writes: Writes, stats: UnitStats) -> None:
    """Commit. If the answer is lost, look for a document that only this batch writes.

    Raises `Unavailable` if the outcome stays unknown, and the server's error if nothing was committed.
    """
    until = monotonic() + RESOLVE_SECONDS_MAX
    pause = 0.02
    while True:
        try:
            await transaction.commit()
            return
        except UnknownCommit:
            pass
        except Exception:
            # The server no longer knows the transaction: it was aborted, or committed and then forgotten.
            if await _marker_exists(database, writes, until):
                return
            raise
        if monotonic() > until:
            raise _unknown()
        stats.unknown_commits += 1
        await asyncio.sleep(pause * (0.5 + random.random()))
        pause = min(pause * 2, 1.0)


async def _marker_exists(database: Database, writes: Writes, until: float) -> bool:
    collection, marker = writes.marker
    pause = 0.02
    while True:
        try:
            found = await database.collection(collection).find({"_id": marker}, projection={"_id": 1})
            return bool(found)
        except (DatabaseUnreachable, Transient):
            if monotonic() > until:
                raise _unknown() from None
        await asyncio.sleep(pause)
        pause = min(pause * 2, 1.0)


def _unknown() -> Unavailable:
    return Unavailable("the database went away while this was being kept; whether it was is not known yet")
