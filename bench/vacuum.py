"""The vacuum's row: an org of a hundred thousand records is emptied while another org's callers go on.

Records are put straight into the services' databases, as documents of the declared entities, since what is measured is
how they go. The same load is measured before, meanwhile and afterwards; the ratio is what the other org keeps.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from pymongo import AsyncMongoClient

from bench import load
from bench.load import Flow, Measured, single
from bench.rows import SPREAD, Bench, Row
from bench.world import World, variant
from chassis.bus.inbox import INBOX
from chassis.entity import Entity
from chassis.http.idempotency import IDEMPOTENCY
from chassis.mongo.eventlog import EVENTS
from chassis.service import collect
from deploy.local.state import Home
from services.ics.app import ICS
from services.pmc.app import PMC
from services.slc.app import SLC
from services.visualgrid.app import VISUALGRID

ORG = "BENCHVAC"
RECORDS = 100_000
HURRIED = {"VACUUM_DELAY_SECONDS": "0", "VACUUM_SETTLE_SECONDS": "3"}
"""Settings of a stack that is brought up for this; on another the row takes the minutes that a vacuum waits."""

FILLER = "x" * 400
BATCH = 500
CLIENTS = 16
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.25


async def empty_an_org(bench: Bench) -> Row:
    """Throughput of another org while the vacuum deletes; its note says how long that took and what the memory did."""
    world = bench.world
    with suppress(RuntimeError):  # It is there from an earlier run that did not get so far.
        await asyncio.to_thread(_stackctl, world, "org", "create", ORG, "--name", "Vacuumed")
    await _fill(world.stack["MONGODB_URI"])
    requests = [world.request("/ics/stock/get", variant_id=variant(n)) for n in range(SPREAD)]
    flow = single(lambda n: requests[n % len(requests)])
    alone = [await _alone(bench, flow)]
    before = bench.meter.read()
    asked = _stackctl(world, "vacuum", "org", ORG, "--reason", "bench", "--phrase", f"VACUUM ORG {ORG} PERMANENTLY")
    told = await _through(world, flow, asked["vacuum_id"])
    used = bench.meter.read() - before
    # Once more afterwards: what else this machine does changes by the minute.
    alone.append(await _alone(bench, flow))
    kept = told.measured.per_second / (sum(alone) / len(alone))
    told.measured.name = (
        f"stock/get, another org's {RECORDS:,} records vacuumed in {told.seconds:.0f} s: {kept:.0%} kept, "
        f"+{told.grown_mib:.0f} MiB"
    )
    return Row(measured=told.measured, cpu=used)


async def _alone(bench: Bench, flow: Flow) -> float:
    """Requests a second without a vacuum."""
    address = bench.world.address
    return (await load.run("alone", address, flow, clients=CLIENTS, seconds=bench.seconds)).per_second


async def _fill(uri: str) -> None:
    """Records of every kind that the services declare for orgs, as many of each."""
    places = [
        (service.name, entity)
        for service in (ICS, PMC, SLC, VISUALGRID)
        for entity in (*collect(service).entities, EVENTS, IDEMPOTENCY, INBOX)
        if entity.org_scoped or entity in {EVENTS, INBOX}
    ]
    each = RECORDS // len(places)
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(uri)
    try:
        for name, entity in places:
            documents = [_document(entity) for _ in range(each)]
            for start in range(0, each, BATCH):
                async with client.start_session() as session, await session.start_transaction():
                    part = documents[start : start + BATCH]
                    await client[name][entity.collection].insert_many(part, ordered=False, session=session)
    finally:
        await client.close()


def _document(entity: Entity[Any]) -> dict[str, Any]:
    """A record as far as its indexes see it, and about as long as records are."""
    fields = {field for index in entity.indexes for field in entity.fields_of(index) if "." not in field}
    filled = {field: f"{field}-{uuid.uuid4().hex}" for field in fields - {"_id", "pending"}}
    return {**filled, "_id": str(uuid.uuid4()), "orgcode": ORG, "body": FILLER, "pending": False}


class _Told:
    """What was measured while the vacuum deleted."""

    def __init__(self, measured: Measured, seconds: float, grown_mib: float) -> None:
        self.measured = measured
        self.seconds = seconds
        self.grown_mib = grown_mib


async def _through(world: World, flow: Flow, vacuum_id: str) -> _Told:
    """Load for as long as the vacuum deletes: from the first record that goes to its end."""
    # It waits out its delay, and then until the org's requests have surely ended; neither is what is measured.
    while not (seen := await _status(world, vacuum_id))["deleted"]:
        _check(seen)
        await asyncio.sleep(POLL_SECONDS)
    began, parts = time.monotonic(), []
    memory = _memory()
    grown = 0.0
    while (seen := await _status(world, vacuum_id))["state"] == "running":
        _check(seen)
        parts.append(await load.run("", world.address, flow, clients=CLIENTS, seconds=1.0))
        grown = max(grown, _memory() - memory)
    seconds = time.monotonic() - began
    return _Told(_together(parts), seconds, grown)


def _together(parts: list[Measured]) -> Measured:
    whole = Measured(name="", clients=CLIENTS, latencies=[each for part in parts for each in part.latencies])
    whole.requests = sum(part.requests for part in parts)
    whole.errors = sum(part.errors for part in parts)
    whole.seconds = sum(part.seconds for part in parts)
    whole.note = next((part.note for part in parts if part.note), "")
    whole.generator_busy = max((part.generator_busy for part in parts), default=0.0)
    return whole


def _check(vacuum: dict[str, Any]) -> None:
    failed = [tally for tally in vacuum["services"] if tally["error"]]
    if failed or vacuum["state"] in {"failed", "cancelled"}:
        raise RuntimeError(f"the vacuum fails: {failed or vacuum['state']}")


def _memory() -> float:
    """Resident memory of the services, in MiB, engines left out."""
    rows = json.loads((Home().directory / "processes.json").read_text())
    ours = [row["pid"] for row in rows if row["name"] not in {"mongodb", "rabbitmq"}]
    return sum(psutil.Process(pid).memory_info().rss for pid in ours) / 2**20


async def _status(world: World, vacuum_id: str) -> dict[str, Any]:
    return await asyncio.to_thread(_stackctl, world, "vacuum", "status", vacuum_id)


def _stackctl(world: World, *words: str) -> dict[str, Any]:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("stackctl")), *words, "--json"],
        env={**os.environ, "STACK_SECRET_FILE": world.demo["DEMO_SECRET_FILE"]},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"stackctl {' '.join(words[:2])} failed: {done.stderr.strip()}")
    answer: dict[str, Any] = json.loads(done.stdout)
    return dict(next(iter(answer.values())))
