"""Runs that are interrupted wherever a kill can leave something behind: they end as runs that are not."""

import json
import os
from typing import Any

import pytest

from services.pmc.objects.local import LocalObjectStore
from services.pmc.run import domain, step
from tests.pmc.given import Catalogue, Document, offer
from tests.pmc.interruptions import interrupted
from tests.pmc.pack.test_upload import send
from tests.pmc.test_checks_from_outside import counted

LONG = bool(os.environ.get("PMC_LONG"))
SIZE, STEP_ITEMS, PART_LINES = (5_000, 200, 1_000) if LONG else (40, 7, 20)
POINTS = ("write_step", "object", "_store_part")
OWN = {"product_id", "run_id", "pack_id", "undo_of", "undone_by", "part_id", "event_id", "revision_id", "store_id"}


@pytest.fixture(autouse=True)
def short_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a manifest of several parts without thousands of items."""
    for module in (domain, step):
        monkeypatch.setattr(module, "PART_LINES", PART_LINES)


def delivery(version: int) -> Document:
    """One of three deliveries of the same variants, in one channel or two.

    Some have no price in the first, others in the second; some change, some are withdrawn in the second and come back
    in the third.
    """
    variants = []
    for number in range(SIZE // 2):
        amount = f"{number % 90 + (version if number % 3 == 0 else 0)}.50"
        web = offer("WEB", None if number % 7 == version else amount)
        if version == 1 and number % 5 == 4:
            web["status"] = "withdrawn"
        variants.append(
            {
                "variant_id": f"v-{number:05d}",
                "variant_code": f"V-{number:05d}",
                "sku": f"SKU-{number:05d}",
                "option_values": [{"name": "No", "value": str(number % 2_000)}],
                "channels": [web, offer("STORE", "2.00")],
            }
        )
    at_once = 2_000
    return {
        "format": "retailstack.pack/1",
        "channels": [{"channel_code": "STORE", "currency": "EUR"}, {"channel_code": "WEB", "currency": "EUR"}],
        "taxonomy": [{"node_id": "cat", "kind": "category", "name": "All"}],
        "styles": [
            {
                "style_id": f"s-{start}",
                "style_code": f"S-{start}",
                "title": "Thing",
                "options": [{"name": "No", "values": [str(n) for n in range(len(variants[start : start + at_once]))]}],
                "channels": [{"channel_code": "WEB", "category_id": "cat"}],
                "variants": variants[start : start + at_once],
            }
            for start in range(0, len(variants), at_once)
        ],
    }


async def stepped(pmc: Catalogue, **fields: Any) -> Any:
    """A run, stepped on whatever becomes of each call."""
    run = await pmc.start(**fields)
    while run["status"] == "running":
        named = {"run_id": run["run_id"], "expected_revision": run["revision"], "max_items": STEP_ITEMS}
        answer = await pmc.post("/publish/run/step", **named)
        assert answer.status in {200, 500}, answer
        run = (await pmc.good(await pmc.get("/publish/run/get", run_id=run["run_id"])))["run"]
    return run


async def history(pmc: Catalogue) -> list[Any]:
    """Three deliveries published one after the other, one of them to the staged target too, and the last undone."""
    pack_id = (await pmc.pack(delivery(0)))["pack_id"]
    runs = [await stepped(pmc, pack_id=pack_id)]
    await pmc.pack(delivery(1), pack_id=pack_id)
    runs += [await stepped(pmc, pack_id=pack_id, target="staged"), await stepped(pmc, pack_id=pack_id)]
    await pmc.pack(delivery(2), pack_id=pack_id)
    runs.append(await stepped(pmc, pack_id=pack_id))
    runs.append(await stepped(pmc, undo_of=runs[-1]["run_id"]))
    return runs


async def lines_of(pmc: Catalogue, run: Any) -> list[Any]:
    """The lines of all parts of a run's manifest."""
    lines: list[Any] = []
    for part in range(1, run["manifest_parts"] + 1):
        signed = await pmc.good(await pmc.get("/publish/run/manifest/presign", run_id=run["run_id"], part=part))
        status, data = await send(pmc, "GET", signed["download"]["url"])
        assert status == 200
        lines += [json.loads(line) for line in data.splitlines()]
    return lines


async def kept(pmc: Catalogue) -> dict[str, list[Any]]:
    """What is stored of products, revisions, roll-ups and events of the org, without ids of its own."""
    database = pmc.client.application.runtime.database
    assert pmc.client.caller is not None
    orgcode = pmc.client.caller.orgcode
    found: dict[str, list[Any]] = {}
    names = ["pmc_products", "pmc_product_revisions", "pmc_rollups", "pmc_channel_sums", "pmc_trigram_samples"]
    variants: dict[str, str] = {}
    for name in names:
        rows = [row for row in await database.collection(name).find({"_id": {"$gt": ""}}) if row["orgcode"] == orgcode]
        if name == "pmc_products":
            variants = {row["_id"]: f"{row['channel_code']}/{row['variant_id']}" for row in rows}
        text = json.dumps(rows, sort_keys=True, default=str).replace(str(orgcode), "ORG")
        for product_id, variant in variants.items():
            text = text.replace(product_id, variant)
        found[name] = sorted(json.dumps(_plain(row), sort_keys=True) for row in json.loads(text))
    return found


def _plain(value: Any) -> Any:
    """A record without ids that differ between two histories."""
    if isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items() if name not in OWN and not name.endswith("run_id")}
    return [_plain(each) for each in value] if isinstance(value, list) else value


async def test_an_interrupted_run_leaves_what_an_undisturbed_one_does(pmc: Catalogue) -> None:
    calm = Catalogue(pmc.client.as_caller(orgcode=f"C{(pmc.client.caller.orgcode or '')[1:]}"))  # type: ignore[union-attr]
    for each in (calm, pmc):
        await each.profile(
            "WEB", logical_guids=["fac-1"], required_fields=["price.amount"], auto_online=True, on_unpublishable="keep"
        )
        await each.profile("STORE", logical_guids=["fac-2"], auto_online=True)
    pmc.client.events.clear()
    runs = await history(calm)
    events = list(pmc.client.events)
    pmc.client.events.clear()

    with interrupted(seed=11, only=POINTS) as interruptions:
        torn = await history(pmc)

    assert interruptions.around(*POINTS)
    assert [_plain({**run, "revision": 0, "created_by": ""}) for run in torn] == [
        _plain({**run, "revision": 0, "created_by": ""}) for run in runs
    ]
    for one, other in zip(torn, runs, strict=True):
        lines = await lines_of(pmc, one)
        assert [line["n"] for line in lines] == list(range(1, one["total"] + 1))
        assert _plain(lines) == _plain(await lines_of(calm, other))
    assert sorted(pmc.client.events) == sorted(events)
    assert await kept(pmc) == await kept(calm)
    if not LONG:
        await counted(pmc)


async def test_a_cancel_that_a_step_comes_before_leaves_the_run_with_full_parts(
    pmc: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await pmc.profile("WEB")
    run = await pmc.start(pack_id=(await pmc.pack(delivery(0)))["pack_id"])
    run = await pmc.step(run, max_items=3)
    put = LocalObjectStore.put

    async def late(store: LocalObjectStore, *given: Any) -> None:
        monkeypatch.setattr(LocalObjectStore, "put", put)
        await pmc.step(run, max_items=1)
        await put(store, *given)

    monkeypatch.setattr(LocalObjectStore, "put", late)
    cancel = {"run_id": run["run_id"], "expected_revision": run["revision"]}
    answer = await pmc.post("/publish/run/cancel", **cancel)

    assert (answer.status, answer.tag) == (409, "conflict")
    run = (await pmc.good(await pmc.get("/publish/run/get", run_id=run["run_id"])))["run"]
    assert (run["status"], run["processed"], run["manifest_lines"]) == ("running", 4, 0)
    cancel["expected_revision"] = run["revision"]
    run = (await pmc.good(await pmc.post("/publish/run/cancel", **cancel)))["run"]
    assert (run["status"], run["manifest_parts"], run["manifest_lines"]) == ("cancelled", 1, 4)
    assert [line["n"] for line in await lines_of(pmc, run)] == [1, 2, 3, 4]
