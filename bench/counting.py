"""The count and snapshot rows: the time to post five hundred variances, and to snapshot a hundred thousand balances.

The snapshot's items are written directly to the database, in a second facility of the org, because only reading them is
measured. While the snapshot is built, callers reserve; the row shows the share of their rate that remains.
"""

import asyncio
import time
from typing import Any

import aiohttp
from pymongo import AsyncMongoClient

from bench.load import Measured, single
from bench.rows import SPREAD, Bench, Row
from bench.under_load import under_load
from bench.world import ORG, World, ask, variant
from chassis.clock import SystemClock
from services.ics.ledger.balance import Externals, Item, StockPosition, item_id_of
from services.ics.ledger.store import ITEMS

POSITIONS = 500
SNAPSHOT_ITEMS = 100_000
FACILITY = "FAC-SNAP"
BATCH = 2_000
POLL_SECONDS = 0.2


async def count_positions(bench: Bench) -> Row:
    """Create, submit and approve counts of 500 positions; the latency is that of the approval."""
    told = Measured(name=f"count/approve, {POSITIONS} positions", clients=1, latencies=[])
    before, started = bench.meter.read(), time.perf_counter()
    async with bench.world.calls() as http:
        while told.seconds < bench.seconds:
            lines = [{"variant_id": variant(number)} for number in range(POSITIONS)]
            count = (await ask(http, "/ics/count/create", lines=lines))["count"]
            named = {"count_id": count["count_id"], "expected_revision": 1}
            counted = await _off_by_one(http, count, bench.world)
            await ask(http, "/ics/count/submit", **named, lines=counted)
            began = time.perf_counter()
            await ask(http, "/ics/count/approve", count_id=count["count_id"], expected_revision=2)
            told.latencies.append((time.perf_counter() - began) * 1000)
            told.requests += 1
            told.seconds = time.perf_counter() - started
    return Row(measured=told, cpu=bench.meter.read() - before)


async def _off_by_one(http: aiohttp.ClientSession, count: dict[str, Any], world: World) -> list[dict[str, Any]]:
    """The counted lines: one unit less than the stock at every position."""
    there: dict[str, int] = {}
    for start in range(0, POSITIONS, 100):
        names = [variant(number) for number in range(start, start + 100)]
        headers = {"x-logical-guid": world.headers["x-logical-guid"]}
        listed = await ask(http, "/ics/stock/list", headers, variant_ids=names, limit=256)
        there |= {row["variant_id"]: row["on_hand"] for row in listed["items"]}
    return [{"line_no": line["line_no"], "counted": there[line["variant_id"]] - 1} for line in count["lines"]]


async def snapshot(bench: Bench) -> Row:
    """Rate of reservations while a snapshot is built; the row's name has the time of the snapshot."""
    world = bench.world
    await _stock(world.stack["MONGODB_URI"])
    requests = [
        world.request("/ics/reservation/create", variant_id=variant(n), quantity=1, ttl_seconds=60)
        for n in range(SPREAD)
    ]
    found = await under_load(bench, single(lambda n: requests[n % len(requests)]), lambda: _taken(world))
    seconds, row_count = found.answer
    told = found.measured
    told.name = f"reservation/create, {row_count:,} rows snapshot in {seconds:.1f} s: {found.kept:.0%} kept"
    if row_count != SNAPSHOT_ITEMS:
        told.errors += 1
        told.note = told.note or f"the snapshot has {row_count:,} rows, not {SNAPSHOT_ITEMS:,}"
    return Row(measured=told, cpu=found.cpu)


async def _taken(world: World) -> tuple[float, int]:
    """Create a snapshot of the facility; returns the seconds until it was ready, and its row count."""
    async with world.calls() as http:
        began = time.perf_counter()
        taken = (await ask(http, "/ics/snapshot/create", {"x-logical-guid": FACILITY}))["snapshot"]
        while taken["status"] == "building":
            await asyncio.sleep(POLL_SECONDS)
            taken = (await ask(http, "/ics/snapshot/get", snapshot_id=taken["snapshot_id"]))["snapshot"]
        if taken["status"] != "ready":
            raise RuntimeError(f"the snapshot is {taken['status']}")
        return time.perf_counter() - began, taken["row_count"]


async def _stock(uri: str) -> None:
    """Insert the facility's items, one position each, unless they exist."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri)
    collection = client["ics"][ITEMS.collection]
    now = SystemClock().now()
    try:
        last = ITEMS.to_document(_item(SNAPSHOT_ITEMS - 1, now))["_id"]
        if await collection.find_one({"_id": last}) is not None:
            return
        for start in range(0, SNAPSHOT_ITEMS, BATCH):
            documents = [ITEMS.to_document(_item(number, now)) for number in range(start, start + BATCH)]
            async with client.start_session() as session, await session.start_transaction():
                await collection.insert_many(documents, ordered=False, session=session)
    finally:
        await client.close()


def _item(number: int, now: Any) -> Item:
    name = f"S{number:06d}"
    return Item(
        item_id=item_id_of(ORG, FACILITY, name),
        orgcode=ORG,
        revision=1,
        logical_guid=FACILITY,
        variant_id=name,
        seq=1,
        available=7,
        recorded_utc=now,
        externals=Externals(supplier=-7),
        cells=[StockPosition(available=7)],
    )
