"""Uploads and validations that are interrupted wherever a kill can leave something behind: the end is the same."""

import gzip
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from chassis.clock import FixedClock, Utc, seconds_between
from services.pmc.objects import local
from services.pmc.objects.port import StoreDown
from services.pmc.pack import uploads, work, writing
from services.pmc.pack.store import TO_VALIDATE
from tests.pmc.given import Catalogue, offer
from tests.pmc.interruptions import interrupted
from tests.pmc.pack.test_upload import announce, as_lines, send
from tests.pmc.run.test_jobs import job
from tests.waiting import until

STYLES = 40
SETTLED_SECONDS = 120.0
DAY = 24 * 3600.0
ROWS = ("pmc_pack_headers", "pmc_pack_styles", "pmc_pack_style_bodies", "pmc_pack_items")


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a worker validate everything, a few styles and rows at a time."""
    monkeypatch.setattr(local, "CHUNK_BYTES", 2_000)
    monkeypatch.setattr(uploads, "INLINE_BYTES_MAX", 1)
    monkeypatch.setattr(work, "ROWS_AT_ONCE_MAX", 9)
    monkeypatch.setattr(work, "STYLES_AT_ONCE", 5)


def document(styles: int = STYLES) -> dict[str, Any]:
    """A document whose styles are in no order, each with two variants in two channels."""
    return {
        "format": "retailstack.pack/1",
        "name": "Torn",
        "channels": [{"channel_code": "STORE", "currency": "EUR"}, {"channel_code": "WEB", "currency": "EUR"}],
        "styles": [
            {
                "style_id": f"s-{(number * 7) % styles:03d}",
                "style_code": f"S-{number}",
                "title": f"Thing {number}",
                "options": [{"name": "No", "values": ["0", "1"]}],
                "variants": [
                    {
                        "variant_id": f"v-{number:03d}-{place}",
                        "variant_code": f"V-{number}-{place}",
                        "sku": f"SKU-{number}-{place}",
                        "option_values": [{"name": "No", "value": str(place)}],
                        "channels": [offer("WEB", "1.00"), offer("STORE", "2.00")],
                    }
                    for place in (0, 1)
                ],
            }
            for number in range(styles)
        ],
    }


async def sent(pmc: Catalogue, data: bytes, form: str, **upload: Any) -> Any:
    """A version whose object is uploaded, and not completed yet."""
    created = await announce(pmc, data, form, **upload)
    assert (await send(pmc, "PUT", created["upload"]["url"], data))[0] == 200
    return created["pack"]


async def settled(pmc: Catalogue, clock: FixedClock, pack: Any) -> Any:
    """The version once it is ready or rejected. Calls may fail meanwhile, and are sent again."""
    named = {"pack_id": pack["pack_id"], "pack_rev": pack["pack_rev"]}

    async def ended() -> Any:
        current = (await pmc.good(await pmc.get("/pack/get", **named)))["pack"]
        if current["state"] == "awaiting_upload":
            await pmc.post("/pack/complete", **named)
        elif current["state"] == "validating":
            await end_pause(pmc, clock, pack)
        else:
            return current
        return None

    return await until(ended, SETTLED_SECONDS, f"{pack['pack_id']} is not validated")


async def end_pause(pmc: Catalogue, clock: FixedClock, pack: Any) -> None:
    """Let the time go by that a worker rests after a failed attempt."""
    assert pmc.client.caller is not None
    runtime = pmc.client.application.runtime
    item = f"{TO_VALIDATE.name}/{pmc.client.caller.orgcode}/{pack['pack_id']}/{pack['pack_rev']}"
    rows = await runtime.database.collection("work").find({"_id": item})
    for row in (each for each in rows if each["state"] == "later"):
        clock.advance(max(0.0, seconds_between(clock.now(), Utc(row["due_utc"]))))
        runtime.work.wake()


async def stored(pmc: Catalogue, pack: Any) -> dict[str, list[Any]]:
    """The stored rows of a version, without the ids that are its own."""
    database = pmc.client.application.runtime.database
    (version,) = await database.collection("pmc_packs").find({"_id": f"{pack['pack_id']}/{pack['pack_rev']}"})
    store_id = version["store_id"]
    found: dict[str, list[Any]] = {"ranges": [version["ranges"]]}
    for name in ROWS:
        first = {"_id": {"$gte": store_id, "$lt": store_id + "~"}}
        rows = await database.collection(name).find(first, sort=[("_id", 1)])
        text = json.dumps(rows, sort_keys=True, default=str)
        found[name] = json.loads(text.replace(store_id, "store").replace(pack["pack_id"], "pack"))
    return found


def plain(pack: Any) -> dict[str, Any]:
    """What of a version does not name it."""
    return {name: pack.get(name) for name in ("state", "counts", "channels", "name", "problem_count", "problems")}


@pytest.mark.parametrize("form", ["application/json", "application/x-ndjson"])
async def test_a_validation_that_is_interrupted_again_and_again_ends_as_one_that_is_not(
    pmc: Catalogue, clock: FixedClock, form: str
) -> None:
    data = json.dumps(document()).encode() if form == "application/json" else as_lines(document())
    calm = await settled(pmc, clock, await sent(pmc, data, form))
    pack = await sent(pmc, data, form)

    with interrupted(seed=len(form)) as interruptions:
        torn = await settled(pmc, clock, pack)

    assert interruptions.around("_hand_over", "_write_styles", "_finish_styles", "_write_items", "_number_items")
    assert plain(torn) == plain(calm)
    assert torn["counts"] == {"channels": 2, "styles": STYLES, "variants": 2 * STYLES, "items": 4 * STYLES}
    assert await stored(pmc, torn) == await stored(pmc, calm)
    versions = await pmc.good(await pmc.get("/pack/list", pack_id=pack["pack_id"]))
    assert [each["pack_rev"] for each in versions["items"]] == [1]


async def test_an_interrupted_rejection_leaves_its_problems_and_nothing_else(pmc: Catalogue, clock: FixedClock) -> None:
    broken = document()
    broken["styles"][-1]["variants"][1]["sku"] = "sku-0-0"
    data = as_lines(broken)
    calm = await settled(pmc, clock, await sent(pmc, data, "application/x-ndjson"))
    pack = await sent(pmc, data, "application/x-ndjson")

    with interrupted(seed=3) as interruptions:
        torn = await settled(pmc, clock, pack)

    assert interruptions.around("_write_styles", "_dropping", "_reject")
    assert plain(torn) == plain(calm)
    assert (torn["state"], torn["problem_count"], torn["problems"][0]["line"]) == ("rejected", 1, STYLES + 1)
    assert all(rows == [] for name, rows in (await stored(pmc, torn)).items() if name in ROWS)


@pytest.mark.parametrize(("where", "progressed"), [("_pieces", 0), ("_number", 1)])
async def test_a_pack_that_can_never_be_validated_is_rejected_and_leaves_nothing_else(
    pmc: Catalogue, clock: FixedClock, monkeypatch: pytest.MonkeyPatch, where: str, progressed: int
) -> None:
    failures: list[str] = []

    def fail(*_: Any) -> Any:
        failures.append(where)
        raise StoreDown("the object store does not answer")

    pack = await sent(pmc, as_lines(document()), "application/x-ndjson")
    monkeypatch.setattr(work, where, fail)

    pack = await settled(pmc, clock, pack)

    assert (pack["state"], pack["problem_count"]) == ("rejected", 1)
    assert pack["problems"][0]["code"] == "malformed"
    # Attempts are counted from the last progress on.
    assert len(failures) == TO_VALIDATE.attempts_max + progressed
    assert all(rows == [] for name, rows in (await stored(pmc, pack)).items() if name in ROWS)


async def test_a_small_upload_whose_completion_is_interrupted_becomes_ready_once(
    pmc: Catalogue, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "INLINE_BYTES_MAX", 8 * 1024 * 1024)
    monkeypatch.setattr(writing, "ROWS_AT_ONCE_MAX", 60)
    data = gzip.compress(as_lines(document()))
    given = {"form": "application/x-ndjson", "content_encoding": "gzip"}
    calm = await settled(pmc, clock, await sent(pmc, data, **given))
    pack = await sent(pmc, data, **given)
    pmc.client.events.clear()

    with interrupted(seed=2) as interruptions:
        torn = await settled(pmc, clock, pack)

    assert interruptions.around("write_ahead", "_settle")
    assert plain(torn) == plain(calm)
    assert await stored(pmc, torn) == await stored(pmc, calm)
    assert pmc.client.events.count("pmc.pack.ready") == 1


async def test_an_inline_document_whose_storing_is_interrupted_is_stored_whole_by_the_next_call(
    pmc: Catalogue, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "ROWS_AT_ONCE_MAX", 60)
    with interrupted(seed=1) as interruptions:
        answers = [await pmc.post("/pack/create", document=document(), idempotency_key="torn") for _ in range(12)]
    assert interruptions.around("write_ahead")
    answers.append(await pmc.post("/pack/create", document=document(), idempotency_key="torn"))

    packs = (await pmc.good(await pmc.get("/pack/list")))["items"]
    assert {each.status for each in answers} == {200, 500}
    assert {each.data["pack"]["pack_id"] for each in answers if each.status == 200} == {packs[0]["pack_id"]}
    assert len(packs) == 1
    rows = await stored(pmc, packs[0])
    assert [len(rows[name]) for name in ROWS] == [1, STYLES, STYLES, 4 * STYLES]
    assert len(await stores(pmc)) > 1
    clock.advance(DAY + 1)
    await job(pmc, "pack_expire")
    assert await stored(pmc, packs[0]) == rows
    assert len(await stores(pmc)) == 1


async def stores(pmc: Catalogue) -> set[str]:
    """The stores of the org of which rows or drafts are kept."""
    assert pmc.client.caller is not None
    database = pmc.client.application.runtime.database
    found: set[str] = set()
    for name in (*ROWS, "pmc_pack_drafts"):
        rows = await database.collection(name).find({"_id": {"$gt": ""}})
        found |= {row["_id"].partition("/")[0] for row in rows if row["orgcode"] == pmc.client.caller.orgcode}
    return found


async def test_an_upload_that_is_cut_off_leaves_no_object_and_its_link_good(pmc: Catalogue) -> None:
    data = as_lines(document())
    created = await announce(pmc, data, "application/x-ndjson")
    url = created["upload"]["url"]
    named = {"pack_id": created["pack"]["pack_id"], "pack_rev": 1}

    for part in (0, 1, len(data) // 2, len(data) - 1):
        await cut_off(pmc, url, data, part)
        assert (await pmc.post("/pack/complete", **named)).tag == "invalid-state"
    with interrupted(seed=0) as interruptions:
        await send(pmc, "PUT", url, data)
    assert interruptions.counts == {("object", "before"): 1}
    assert (await pmc.post("/pack/complete", **named)).tag == "invalid-state"
    assert drafts(pmc) == []

    assert (await send(pmc, "PUT", url, data))[0] == 200
    assert (await pmc.post("/pack/complete", **named)).status == 200


async def test_an_upload_whose_answer_is_lost_is_there_and_its_link_used(pmc: Catalogue) -> None:
    data = as_lines(document())
    created = await announce(pmc, data, "application/x-ndjson")
    with interrupted(seed=0) as interruptions:
        while not interruptions.counts["object", "after"]:
            await send(pmc, "PUT", created["upload"]["url"], data)

    assert (await send(pmc, "PUT", created["upload"]["url"], data))[0] == 403
    answer = await pmc.post("/pack/complete", pack_id=created["pack"]["pack_id"], pack_rev=1)
    assert (await pmc.good(answer))["pack"]["state"] == "validating"


async def cut_off(pmc: Catalogue, url: str, data: bytes, size: int) -> None:
    """Begin an upload, and drop the connection after so many bytes."""

    async def pieces() -> Any:
        yield data[:size]
        raise ConnectionAbortedError

    with suppress(aiohttp.ClientError, ConnectionAbortedError):
        await send(pmc, "PUT", url, pieces(), length=len(data))


def drafts(pmc: Catalogue) -> list[Path]:
    """Files of uploads that were not complete."""
    folder = Path(pmc.client.application.settings.pmc_objects_folder)  # type: ignore[attr-defined]
    return list(folder.rglob(".partial-*"))
