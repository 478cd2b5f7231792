"""A vacuum of an org takes everything PMC stores of it, and touches no byte of another."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bson import encode
from pymongo import MongoClient

from chassis.caller import SYSTEM
from chassis.rpc.client import Channels
from chassis.testing.keys import signs_as
from retailstack.chassis.v1.vacuum_pb2 import VacuumRequest
from retailstack.chassis.v1.vacuum_pb2_grpc import VacuumStub
from services.pmc.settings import PmcSettings
from tests.pmc.given import Catalogue, offer_of, spring
from tests.pmc.pack.test_upload import announce, as_lines, uploaded
from tests.waiting import until

CALM_SECONDS = 30.0

KINDS = {
    *("pmc_packs", "pmc_pack_series", "pmc_pack_headers", "pmc_pack_styles", "pmc_pack_style_bodies"),
    *("pmc_pack_items", "pmc_runs", "pmc_run_plans", "pmc_run_profiles", "pmc_run_items", "pmc_products"),
    *("pmc_product_revisions", "pmc_rollups", "pmc_channel_sums", "pmc_trigram_samples", "events", "objects"),
}
"""What an org leaves at least when it publishes; the search index is in the products."""


async def fill(pmc: Catalogue) -> None:
    """Packs of each kind, a run of each kind, pointers, and a feed that has settled."""
    await pmc.scenario_profiles()
    pack_id = (await pmc.pack(spring()))["pack_id"]
    await pmc.run(pack_id=pack_id)
    document = spring()
    offer_of(document, "v-mug", "WEB")["price"] = {"amount": "9.00", "currency": "EUR"}
    await uploaded(pmc, as_lines(document), "application/x-ndjson")
    await announce(pmc, b"{}", "application/json")
    await pmc.pack(document, pack_id=pack_id)
    await pmc.start(pack_id=pack_id, dry_run=True)
    run = await pmc.run(pack_id=pack_id)
    product = await pmc.product("v-red-m")
    await pmc.post("/product/pointer/set", product_id=product["product_id"], pointer="preview", **product["head"])
    await pmc.run(undo_of=run["run_id"])
    await until(lambda: is_calm(pmc), CALM_SECONDS, "events are left to be consumed")


async def is_calm(pmc: Catalogue) -> bool:
    """Whether every event of the org is published, and consumed by those that are to consume it."""
    assert pmc.client.caller is not None
    runtime, org = pmc.client.application.runtime, pmc.client.caller.orgcode
    events, inbox = [
        [each for each in await runtime.database.collection(name).find({"_id": {"$gt": ""}}) if each["orgcode"] == org]
        for name in ("events", "inbox")
    ]
    consumed = [key for consumer in runtime.parts.consumers for key in consumer.keys]
    due = sum(consumed.count(each["type"]) for each in events)
    return not any(each["pending"] for each in events) and len(inbox) == due


def stored(pmc: Catalogue, client: MongoClient[dict[str, Any]]) -> Iterator[tuple[str, str, bytes]]:
    """Everything that is stored and names the caller's org: of which kind, under which key, and its bytes."""
    assert pmc.client.caller is not None
    orgcode = str(pmc.client.caller.orgcode)
    database = client[pmc.client.application.settings.mongodb_database]
    for name in database.list_collection_names():
        for document in database[name].find():
            if orgcode in repr(document):
                yield name, str(document["_id"]), encode(document)
    settings = pmc.client.application.settings
    assert isinstance(settings, PmcSettings)
    folder = Path(settings.pmc_objects_folder)
    for path in folder.rglob("*"):
        if orgcode in str(path) and path.is_file():
            yield "objects", str(path), hashlib.sha256(path.read_bytes()).digest()


async def test_an_org_is_emptied_and_another_stays_byte_for_byte(
    pmc: Catalogue, mongodb_client: MongoClient[dict[str, Any]]
) -> None:
    other = Catalogue(pmc.client.as_caller(orgcode=f"O{(pmc.client.caller.orgcode or '')[1:]}"))  # type: ignore[union-attr]
    await fill(pmc)
    await fill(other)
    assert {kind for kind, _, _ in stored(pmc, mongodb_client)} >= KINDS
    before = sorted(stored(other, mongodb_client))
    answers = await read(other)

    tallies = await vacuum(pmc)

    assert all(tallies[kind] for kind in KINDS)
    assert list(stored(pmc, mongodb_client)) == []
    assert sorted(stored(other, mongodb_client)) == before
    assert await read(other) == answers
    stats = await pmc.stats()
    assert (stats["products"], stats["packs"], stats["runs_finished"]) == (0, 0, 0)


async def read(pmc: Catalogue) -> list[str]:
    """What an org is answered."""
    answers = [
        await pmc.list(channel_code="WEB"),
        await pmc.found(q="tee"),
        await pmc.stats(),
        await pmc.good(await pmc.post("/product/group", dimension="category", channel_code="WEB")),
        await pmc.good(await pmc.get("/pack/list")),
    ]
    return [json.dumps({**each, "as_of_utc": ""} if isinstance(each, dict) else each) for each in answers]


async def vacuum(pmc: Catalogue) -> dict[str, int]:
    """Empty the caller's org, as OPS has it done: collection -> records deleted."""
    assert pmc.client.caller is not None
    address = f"127.0.0.1:{pmc.client.application.runtime.grpc_port}"
    channels = Channels({"pmc": [address]}, sign=signs_as("ops"), caller=SYSTEM)
    deleted: dict[str, int] = {}
    try:
        async for tally in VacuumStub(channels.channel("pmc")).Delete(
            VacuumRequest(orgcode=pmc.client.caller.orgcode or "")
        ):
            deleted[tally.collection] = deleted.get(tally.collection, 0) + tally.deleted
    finally:
        await channels.close()
    return deleted
