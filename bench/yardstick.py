"""The baseline: the writes of one reservation with the raw driver, one transaction each, without HTTP.

It writes what the stack writes for reservation/create: the reservation, the stock card, the balance, and two events.
Conflicts are retried with jitter, as guides to transactions recommend.
"""

import asyncio
import random
import time
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import ReadPreference, WriteConcern
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from bench.load import Measured
from chassis.clock import SystemClock
from chassis.ids import new_id

DATABASE = "bench_yardstick"
PLENTY = 1_000_000_000


async def reserve_by_hand(uri: str, *, items: int, clients: int, seconds: float) -> Measured:
    """Measure reservations per second with the raw driver, on `items` items (1: one hot item)."""
    client: Any = AsyncIOMotorClient(uri, maxPoolSize=clients + 8)
    database = client[DATABASE]
    clock = SystemClock()
    where = "one hot item" if items == 1 else f"{items:,} items"
    result = Measured(name=f"by hand: reservation, {where}", clients=clients, latencies=[])
    try:
        await client.drop_database(DATABASE)
        await _prepare(database, items)
        end = time.perf_counter() + seconds

        async def one_client() -> None:
            while (before := time.perf_counter()) < end:
                await _until_committed(client, database, random.randrange(items), clock)
                result.latencies.append((time.perf_counter() - before) * 1000)
                result.requests += 1

        started = time.perf_counter()
        await asyncio.gather(*(one_client() for _ in range(clients)))
        result.seconds = time.perf_counter() - started
    finally:
        await client.drop_database(DATABASE)
        client.close()
    return result


async def _prepare(database: Any, items: int) -> None:
    await database.balances.insert_many([{"_id": f"item-{n}", "available": PLENTY, "seq": 0} for n in range(items)])
    await database.promises.create_index([("orgcode", 1), ("logical_guid", 1), ("variant_id", 1), ("holds", 1)])
    await database.entries.create_index([("orgcode", 1), ("item", 1), ("seq", 1)])
    await database.events.create_index([("pending", 1), ("shard", 1), ("_id", 1)])


async def _until_committed(client: Any, database: Any, item: int, clock: SystemClock) -> None:
    while True:
        try:
            await _one_transaction(client, database, f"item-{item}", clock)
            return
        except PyMongoError as failure:
            if not failure.has_error_label("TransientTransactionError"):
                raise
            await asyncio.sleep(random.uniform(0.001, 0.02))


async def _one_transaction(client: Any, database: Any, item: str, clock: SystemClock) -> None:
    now = clock.now()
    promise, operation = new_id(now), new_id(now)
    event = {"orgcode": "BENCH001", "at_utc": now, "actor": "bench", "revision": 1, "pending": True, "shard": 1}
    reservation = {"logical_guid": "FAC-A", "variant_id": item, "quantity": 1, "remaining": 1, "status": "active"}
    stored = {"orgcode": "BENCH001", "revision": 1, "created_utc": now, "created_by": "bench", "updated_utc": now}
    async with (
        await client.start_session() as session,
        session.start_transaction(
            read_concern=ReadConcern("snapshot"),
            write_concern=WriteConcern("majority", j=True),
            read_preference=ReadPreference.PRIMARY,
        ),
    ):
        balance = await database.balances.find_one({"_id": item}, session=session)
        if balance["available"] < 1:
            raise RuntimeError("sold out")
        seq = balance["seq"] + 1
        change = {"$inc": {"available": -1, "reserved": 1, "seq": 1}}
        await database.balances.update_one({"_id": item}, change, session=session)
        await database.promises.insert_one({"_id": promise, **stored, **reservation}, session=session)
        entry = {"_id": new_id(now), "orgcode": "BENCH001", "item": item, "seq": seq, "operation_id": operation}
        await database.entries.insert_one({**entry, "kind": "reserve", "quantity": 1}, session=session)
        body = f'{{"reservation": {{"reservation_id": "{promise}", "quantity": 1}}}}' * 4
        events = [
            {"_id": new_id(now), **event, "type": "ics.reservation.created", "subject": promise, "body": body},
            {"_id": new_id(now), **event, "type": "ics.stock.changed", "subject": item, "body": body},
        ]
        await database.events.insert_many(events, session=session)
