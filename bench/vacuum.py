"""The vacuum's row: an org of a hundred thousand records is emptied while another org's callers go on.

Records are put straight into the services' databases, as documents of the declared entities, since what is measured is
how they go. The row says what the other org's callers keep of their pace.
"""

import asyncio
import json
import time
import uuid
from contextlib import suppress
from typing import Any

import psutil
from pymongo import AsyncMongoClient

from bench.load import single
from bench.rows import SPREAD, Bench, Row
from bench.under_load import under_load
from bench.world import Refused, World, variant
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
SHORT_WAITS = {"VACUUM_DELAY_SECONDS": "0", "VACUUM_SETTLE_SECONDS": "3"}
"""Settings of a stack started by the benchmark. On another stack the row takes the minutes that a vacuum waits."""

FILLER = "x" * 400
BATCH = 500
POLL_SECONDS = 0.25


async def empty_an_org(bench: Bench) -> Row:
    """Rate of another org's calls while the vacuum deletes; the row's name has the time and the memory growth."""
    world = bench.world
    with suppress(Refused):  # An earlier run was interrupted before it deleted the org.
        await asyncio.to_thread(world.stackctl, "org", "create", ORG, "--name", "Vacuumed")
    await _fill(world.stack["MONGODB_URI"])
    requests = [world.request("/ics/stock/get", variant_id=variant(n)) for n in range(SPREAD)]
    vacuum = _Vacuum(world)
    flow = single(lambda n: requests[n % len(requests)])
    found = await under_load(bench, flow, vacuum.ended, begin=vacuum.begun)
    seconds, grown_mib = found.answer
    found.measured.name = (
        f"stock/get, another org's {RECORDS:,} records vacuumed in {seconds:.0f} s: {found.kept:.0%} kept, "
        f"+{grown_mib:.0f} MiB"
    )
    return Row(measured=found.measured, cpu=found.cpu)


async def _fill(uri: str) -> None:
    """Insert records of every org-scoped entity of the services, the same number of each."""
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
    """A record with the indexed fields of the entity, and of about the usual size."""
    fields = {field for index in entity.indexes for field in entity.fields_of(index) if "." not in field}
    filled = {field: f"{field}-{uuid.uuid4().hex}" for field in fields - {"_id", "pending"}}
    return {**filled, "_id": str(uuid.uuid4()), "orgcode": ORG, "body": FILLER, "pending": False}


class _Vacuum:
    """A vacuum of the org, run with `stackctl`."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._id = ""

    async def begun(self) -> None:
        """Start it and wait until the first record is deleted; the waiting times before that are not measured."""
        words = ("vacuum", "org", ORG, "--reason", "bench", "--phrase", f"VACUUM ORG {ORG} PERMANENTLY")
        self._id = (await self._run(*words))["vacuum_id"]
        seen = await self._status()
        while not seen["deleted"]:
            await asyncio.sleep(POLL_SECONDS)
            seen = await self._status()

    async def ended(self) -> tuple[float, float]:
        """Wait for its end; returns the seconds, and the growth of the services' memory in MiB."""
        began, memory, grown = time.monotonic(), _memory(), 0.0
        while (await self._status())["state"] == "running":
            grown = max(grown, _memory() - memory)
            await asyncio.sleep(POLL_SECONDS)
        return time.monotonic() - began, grown

    async def _status(self) -> dict[str, Any]:
        seen = await self._run("vacuum", "status", self._id)
        failed = [tally for tally in seen["services"] if tally["error"]]
        if failed or seen["state"] in {"failed", "cancelled"}:
            raise RuntimeError(f"the vacuum fails: {failed or seen['state']}")
        return seen

    async def _run(self, *words: str) -> dict[str, Any]:
        answer = await asyncio.to_thread(self._world.stackctl, *words)
        return dict(next(iter(answer.values())))


def _memory() -> float:
    """Resident memory of the services in MiB, without the engines."""
    rows = json.loads((Home().directory / "processes.json").read_text())
    ours = [row["pid"] for row in rows if row["name"] not in {"mongodb", "rabbitmq"}]
    return sum(psutil.Process(pid).memory_info().rss for pid in ours) / 2**20
