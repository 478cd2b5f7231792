"""Committing a transaction, and finding out what became of a commit whose answer was lost."""

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
    """Commit, and make sure of it: an answer that was lost is looked for by what only this batch has written."""
    until = monotonic() + RESOLVE_SECONDS_MAX
    pause = 0.02
    while True:
        try:
            await transaction.commit()
            return
        except UnknownCommit:
            pass
        except Exception:
            # The server knows of no such transaction: it is void, or was committed before it forgot.
            if await _is_there(database, writes, until):
                return
            raise
        if monotonic() > until:
            raise _lost()
        stats.unknown_commits += 1
        await asyncio.sleep(pause * (0.5 + random.random()))
        pause = min(pause * 2, 1.0)


async def _is_there(database: Database, writes: Writes, until: float) -> bool:
    """Whether the batch's own mark is in the database."""
    collection, marker = writes.marker
    pause = 0.02
    while True:
        try:
            found = await database.collection(collection).find({"_id": marker}, projection={"_id": 1})
            return bool(found)
        except (DatabaseUnreachable, Transient):
            if monotonic() > until:
                raise _lost() from None
        await asyncio.sleep(pause)
        pause = min(pause * 2, 1.0)


def _lost() -> Unavailable:
    return Unavailable("the database went away while this was being kept; whether it was is not known yet")
