"""The graph rows: VisualGrid's reads among a hundred thousand records, and of records that very many others name.

The crowd is written directly to the database of ICS, as copies of records that ICS made itself: only reading is
measured. The copied reservations are released ones, so no unit of stock is held by any of them.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace
from pymongo import AsyncMongoClient

from bench import load
from bench.load import Client
from bench.rows import Bench, Row
from bench.world import FACILITY, ORG, THIS_RUN, Refused, World, ask
from chassis.clock import SystemClock, Utc, from_seconds, to_seconds
from chassis.ids import IdSource
from chassis.mongo.eventlog import EVENTS
from services.ics.reservation.store import RESERVATIONS

CROWD = 100_000
PROMISES = 6_000
BATCH = 500
PAGE_MAX = 256
SECONDS_BETWEEN = 0.05
HUB_VARIANT, ITEM_VARIANT = f"HUB{THIS_RUN}", f"ITEM{THIS_RUN}"

Document = dict[str, Any]


class Crowds(Struct, frozen=True):
    """Headers with a root token, and the places in the graph that are asked for."""

    headers: dict[str, str]
    reservation: dict[str, str]
    zone: dict[str, str]
    hub: dict[str, str]
    item: dict[str, str]


_MADE: dict[str, Crowds] = {}


def graph_read(name: str, row: str, place: Callable[[Crowds], dict[str, str]]) -> Callable[[Bench], Any]:
    """A row that repeats one read of the graph with one client."""

    async def read(bench: Bench) -> Row:
        crowds = await crowds_of(bench.world)
        request = load.post_json(f"/visualgrid/{row}", crowds.headers, **place(crowds))
        return await bench.ask(f"{row}: {name}", [request], 1)

    return read


READS = [
    graph_read("one record", "node/load", lambda crowds: crowds.reservation),
    graph_read("of a record, with counts", "node/children", lambda crowds: crowds.reservation),
    graph_read("the tables of all services", "root/graph", lambda _: {}),
]
CROWD_READS = [
    graph_read(f"of a hub with {CROWD:,} records", "node/children", lambda crowds: crowds.hub),
    graph_read(f"of {CROWD:,} items", "node/history", lambda crowds: crowds.zone),
    graph_read(f"of an item with {PROMISES:,} promises", "node/children", lambda crowds: crowds.item),
]


async def crawl(bench: Bench) -> Row:
    """Every page of a table with a hundred thousand records. The note says what memory it took."""
    crowds = await crowds_of(bench.world)
    before, token, seen = bench.meter.memory_mib(), "", 0

    async def page(client: Client, _: int) -> None:
        nonlocal token, seen
        asked = {"table": "ics_promises", "limit": PAGE_MAX} | ({"next_token": token} if token else {})
        answer = await client.ask(load.post_json("/visualgrid/node/children", crowds.headers, **asked))
        if answer.status == 200:
            data = json.loads(answer.body)["data"]
            token, seen = data["next_token"], seen + data["count"]

    pages = load.run(
        "crawl of a table, a page of 256",
        bench.world.address,
        page,
        clients=1,
        seconds=600,
        enough=lambda: token is None,
    )
    row = await bench.measure(pages)
    after = bench.meter.memory_mib()
    grown = ", ".join(f"{name} {after[name] - before[name]:+.0f}" for name in ("visualgrid", "ics", "gateway"))
    row.measured.note = row.measured.note or f"{seen:,} records in {row.measured.seconds:.0f} s; memory, MiB: {grown}"
    return row


async def crowds_of(world: World) -> Crowds:
    """The crowds of this run, written on first use."""
    if ORG not in _MADE:
        _MADE[ORG] = await _made(world)
    return _MADE[ORG]


async def _made(world: World) -> Crowds:
    async with world.calls() as http:
        zone = (await ask(http, "/ics/zone/create", code=f"C{THIS_RUN}"))["zone"]
        samples = [await _released(http, variant) for variant in (HUB_VARIANT, ITEM_VARIANT)]
    client: AsyncMongoClient[Document] = AsyncMongoClient(world.stack["MONGODB_URI"])
    try:
        database = client["ics"]
        for sample, total in zip(samples, (CROWD, PROMISES), strict=True):
            kept = await _one(database[RESERVATIONS.collection], {"_id": sample["reservation_id"]})
            await _fill(database[RESERVATIONS.collection], _reservations(kept, total))
        event = await _one(database[EVENTS.collection], {"orgcode": ORG, "subject": zone["zone_id"]})
        await _fill(database[EVENTS.collection], _events(event, CROWD))
    finally:
        await client.close()
    org = f"ORG#{ORG}"
    return Crowds(
        headers={"x-vg-token": await _root_token(world)},
        reservation=_ref("ics_promises", org, f"RESERVATION#{samples[0]['reservation_id']}"),
        zone=_ref("ics_zones", org, f"ZONE#{zone['zone_id']}"),
        hub=_ref("stack_variants", org, f"VARIANT#{HUB_VARIANT}"),
        item=_ref("ics_balances", org, f"ITEM#{FACILITY}#{ITEM_VARIANT}"),
    )


def _ref(table: str, pk: str, sk: str) -> dict[str, str]:
    return {"table": table, "pk": pk, "sk": sk}


async def _root_token(world: World) -> str:
    code = await asyncio.to_thread(Path(world.demo["DEMO_SECRET_FILE"]).read_text, encoding="utf-8")
    async with world.calls() as http, http.post("/visualgrid/root/auth", json={"secret_code": code.strip()}) as answer:
        envelope = await answer.json()
    if not envelope["ok"]:
        raise Refused(f"/visualgrid/root/auth: {envelope['error']}")
    return str(envelope["data"]["token"])


async def _released(http: Any, variant_id: str) -> Document:
    """A reservation that holds nothing any more."""
    await ask(http, "/ics/receive/record", lines=[{"variant_id": variant_id, "quantity": 1}])
    made = (await ask(http, "/ics/reservation/create", variant_id=variant_id, quantity=1))["reservation"]
    seen = {"reservation_id": made["reservation_id"], "expected_revision": made["revision"]}
    released: Document = (await ask(http, "/ics/reservation/release", **seen))["reservation"]
    return released


async def _one(collection: Any, where: Document) -> Document:
    found: Document | None = await collection.find_one(where)
    if found is None:
        raise Refused(f"nothing in the database has {where}")
    return found


def _moments(total: int) -> Iterator[tuple[int, Utc]]:
    start = to_seconds(SystemClock().now()) - total * SECONDS_BETWEEN
    return ((number, from_seconds(start + number * SECONDS_BETWEEN)) for number in range(total))


def _reservations(sample: Document, total: int) -> Iterator[Document]:
    """Copies of a reservation, one after the other in time."""
    ids, record = IdSource(), RESERVATIONS.from_document(sample)
    for _, now in _moments(total):
        yield RESERVATIONS.to_document(replace(record, reservation_id=ids.new(now), created_utc=now, updated_utc=now))


def _events(sample: Document, total: int) -> Iterator[Document]:
    """Copies of an event, each of one revision of its record."""
    ids, event = IdSource(), EVENTS.from_document(sample)
    for number, now in _moments(total):
        copy = replace(event, event_id=ids.new(now), at_utc=now, revision=number + 2, pending=False, causes=[])
        yield EVENTS.to_document(copy)


async def _fill(collection: Any, documents: Iterator[Document]) -> None:
    # Not in transactions: many large ones in a row slow down the embedded engine.
    batch: list[Document] = []
    for document in documents:
        batch.append(document)
        if len(batch) == BATCH:
            await collection.insert_many(batch, ordered=False)
            batch = []
    if batch:
        await collection.insert_many(batch, ordered=False)
