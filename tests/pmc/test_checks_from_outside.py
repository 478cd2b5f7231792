"""What a caller can check from outside, continued: lines of the contract's guide, each with numbers of its own."""

import asyncio
import hashlib
import json
import random
from typing import Any

import pytest
import rfc8785

from chassis.clock import FixedClock, later
from tests.pmc.given import Catalogue, Document, money, offer, offer_of, some, spring, variant_of
from tests.pmc.pack.test_upload import announce, send
from tests.pmc.run.test_jobs import job
from tests.pmc.test_promises import published

HOUR = 3600.0
PART_LINES = 1_000


def things(size: int, *, first: int = 0, style: str = "s", title: str = "Thing") -> Document:
    """A pack of one style with so many variants, all offered in WEB."""
    return {
        "format": "retailstack.pack/1",
        "channels": [{"channel_code": "WEB", "currency": "EUR"}],
        "styles": [
            {
                "style_id": style,
                "style_code": style,
                "title": title,
                "options": [{"name": "No", "values": [str(number) for number in range(first, first + size)]}],
                "variants": [
                    {
                        "variant_id": f"{style}-{number:05d}",
                        "variant_code": f"{style}-{number:05d}",
                        "sku": f"{style.upper()}-{number:05d}",
                        "option_values": [{"name": "No", "value": str(number)}],
                        "channels": [offer("WEB", "1.00")],
                    }
                    for number in range(first, first + size)
                ],
            }
        ],
    }


def hash_of(content: Any) -> str:
    return hashlib.sha256(rfc8785.dumps(content)).hexdigest()


async def revisions_of(pmc: Catalogue, product_id: str) -> list[Any]:
    """A product's revisions with their contents, newest first."""
    answer = await pmc.get("/product/revision/list", product_id=product_id, include_content="true")
    items: list[Any] = (await pmc.good(answer))["items"]
    return items


async def everything(pmc: Catalogue) -> dict[str, Any]:
    """What undoing a run brings back of each product: live, served, content and online state, by product_id."""
    kept: dict[str, Any] = {}
    for channel in ("WEB", "STORE"):
        for each in (await pmc.list(channel_code=channel, limit="256"))["items"]:
            product = (await pmc.good(await pmc.get("/product/get", product_id=each["product_id"])))["product"]
            names = ("live", "served", "content", "online_state")
            kept[product["product_id"]] = {name: product.get(name) for name in names}
    return kept


async def test_every_answered_content_has_the_hash_beside_it(pmc: Catalogue) -> None:
    pack_id = await published(pmc)
    document = spring()
    offer_of(document, "v-red-m", "WEB")["price"] = money("17.50")
    await pmc.pack(document, pack_id=pack_id)
    await pmc.run(pack_id=pack_id, target="staged", channel_code="WEB")
    product = await pmc.product("v-red-m")

    revisions = await revisions_of(pmc, product["product_id"])

    assert [(each["rev"], hash_of(each["content"]) == each["rev_id"]) for each in revisions] == [(2, True), (1, True)]
    by_rev = {each["rev"]: each["content"] for each in revisions}
    for view, rev in (("live", 1), ("staged", 2), ("preview", 2), ("head", 2)):
        shown = await pmc.product("v-red-m", view=view)
        assert (shown["view_rev"], shown["content"]) == (rev, by_rev[rev])
        assert (await pmc.product("v-red-m", rev=rev))["content"] == by_rev[rev]


async def test_equal_content_in_two_packs_is_one_revision_and_one_field_more_a_second(pmc: Catalogue) -> None:
    await pmc.profile("WEB")
    await pmc.run(pack_id=(await pmc.pack(things(1)))["pack_id"])
    again = await pmc.run(pack_id=(await pmc.pack(things(1)))["pack_id"])
    changed = things(1)
    changed["styles"][0]["caption"] = "New"
    other = await pmc.run(pack_id=(await pmc.pack(changed))["pack_id"])

    product = await pmc.product("s-00000")
    assert (again["new_revisions"], other["new_revisions"], product["head"]["rev"]) == (0, 1, 2)


async def test_two_clients_that_step_one_run_to_its_end_do_every_item_once(pmc: Catalogue) -> None:
    await pmc.profile("WEB")
    run = await pmc.start(pack_id=(await pmc.pack(things(60)))["pack_id"])
    statuses: list[int] = []

    async def client() -> None:
        current = run
        while current["status"] == "running":
            step = {"run_id": run["run_id"], "expected_revision": current["revision"], "max_items": 7}
            statuses.append((await pmc.post("/publish/run/step", **step)).status)
            current = (await pmc.good(await pmc.get("/publish/run/get", run_id=run["run_id"])))["run"]

    await asyncio.gather(client(), client())

    end = (await pmc.good(await pmc.get("/publish/run/get", run_id=run["run_id"])))["run"]
    assert (end["processed"], some(end["outcomes"]), end["steps"]) == (60, {"created": 60}, 9)
    # A step may find no item left, and store the part of the manifest that another one has not stored yet.
    assert statuses.count(200) in {9, 10}
    assert set(statuses) <= {200, 409}
    assert (await pmc.stats())["revisions"] == 60


async def test_a_manifest_of_several_parts_holds_every_line_once(pmc: Catalogue) -> None:
    await pmc.profile("WEB")
    size = 2 * PART_LINES + 1

    document = things(PART_LINES)
    document["styles"] += things(PART_LINES, style="t")["styles"] + things(1, style="u")["styles"]
    run = await pmc.run(pack_id=(await pmc.pack(document))["pack_id"])

    assert (run["steps"], run["manifest_lines"], run["manifest_parts"]) == (11, size, 3)
    parts = (await pmc.good(await pmc.get("/publish/run/manifest/list", run_id=run["run_id"])))["items"]
    assert [each["lines"] for each in parts] == [PART_LINES, PART_LINES, 1]
    numbers: list[int] = []
    for part in parts:
        asked = {"run_id": run["run_id"], "part": part["part"]}
        signed = await pmc.good(await pmc.get("/publish/run/manifest/presign", **asked))
        status, data = await send(pmc, "GET", signed["download"]["url"])
        assert (status, hashlib.sha256(data).hexdigest(), len(data)) == (200, part["sha256"], part["bytes"])
        numbers += [json.loads(line)["n"] for line in data.splitlines()]
    assert numbers == list(range(1, size + 1))


async def test_a_variant_that_a_pack_lacks_is_left_alone(pmc: Catalogue) -> None:
    pack_id = await published(pmc)
    before = await pmc.product("v-red-m")
    document = spring()
    document["styles"][0]["variants"] = document["styles"][0]["variants"][1:]
    await pmc.pack(document, pack_id=pack_id)

    run = await pmc.run(pack_id=pack_id)

    assert run["total"] == 5
    assert await pmc.product("v-red-m") == before


async def test_a_pointer_to_a_revision_with_the_hash_of_another_changes_nothing(pmc: Catalogue) -> None:
    pack_id = await published(pmc)
    document = spring()
    variant_of(document, "v-red-m")["title"] = "Other"
    await pmc.pack(document, pack_id=pack_id)
    await pmc.run(pack_id=pack_id)
    before = await pmc.product("v-red-m")
    second, first = await revisions_of(pmc, before["product_id"])
    pmc.client.events.clear()

    for pointer in ("staged", "preview", "fallback"):
        wrong = {"pointer": pointer, "rev": first["rev"], "rev_id": second["rev_id"]}
        answer = await pmc.post("/product/pointer/set", product_id=before["product_id"], **wrong)
        assert (answer.status, answer.tag, answer.details["rev_id"]) == (409, "conflict", first["rev_id"])

    assert await pmc.product("v-red-m") == before
    assert pmc.client.events == []


async def counted(pmc: Catalogue) -> None:
    """Groups of each channel add up to its list, and the lists to the statistics."""
    products = online = 0
    for channel in ("WEB", "STORE"):
        listed = await counted_in(pmc, channel)
        products += len(listed)
        online += sum(each["online_state"] == "online" for each in listed)
    stats = await pmc.stats()
    assert (stats["products"], stats["online"]) == (products, online)


async def counted_in(pmc: Catalogue, channel: str) -> list[Any]:
    """The products listed of a channel, to which its groups add up."""
    listed: list[Any] = (await pmc.list(channel_code=channel, limit="256"))["items"]
    for dimension in ("style", "category"):
        groups = await pmc.post("/product/group", dimension=dimension, channel_code=channel, limit=256)
        found = {each["value"]: (each["count"], each["online"]) for each in (await pmc.good(groups))["groups"]}
        wanted: dict[str, tuple[int, int]] = {}
        without = 0
        for each in listed:
            product = (await pmc.good(await pmc.get("/product/get", product_id=each["product_id"])))["product"]
            value = (
                product["style_id"] if dimension == "style" else product["content"].get("category", {}).get("node_id")
            )
            if value is None:
                without += 1
                continue
            count, up = wanted.get(value, (0, 0))
            wanted[value] = (count + 1, up + (product["online_state"] == "online"))
        assert found == wanted
        assert sum(count for count, _ in found.values()) + without == len(listed)
    return listed


async def test_groups_add_up_to_the_list_and_the_statistics_after_every_change(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    chosen = random.Random(7)
    pack_id = (await pmc.pack(spring()))["pack_id"]
    run = await pmc.start(pack_id=pack_id)
    while run["status"] == "running":
        run = await pmc.step(run, max_items=3)
        await counted(pmc)
    for _ in range(6):
        document = spring()
        for style in document["styles"]:
            style["channels"][0]["category_id"] = chosen.choice(["cat-tees", "cat-mugs"])
        if chosen.random() < 0.5:
            del document["styles"][0]["channels"][0]["category_id"]
        offer_of(document, "v-red-l", "WEB")["status"] = chosen.choice(["active", "withdrawn"])
        offer_of(document, "v-mug", "WEB")["price"] = money(chosen.choice(["8.00", "9.00"]))
        await pmc.pack(document, pack_id=pack_id)
        await pmc.run(pack_id=pack_id, target=chosen.choice(["live", "live", "staged"]))
        product = await pmc.product(chosen.choice(["v-red-m", "v-blu-m", "v-mug"]))
        await pmc.post(
            f"/product/online/{chosen.choice(['set', 'clear'])}",
            product_id=product["product_id"],
            expected_revision=product["revision"],
        )
        await counted(pmc)


@pytest.mark.parametrize("mode", ["prefix", "contains", "regex"])
async def test_every_hit_is_met_once_while_a_run_publishes_others(pmc: Catalogue, mode: str) -> None:
    await pmc.profile("WEB")
    await pmc.run(pack_id=(await pmc.pack(things(60, title="Lamp")))["pack_id"])
    known = [f"S-{number:05d}" for number in range(60)]
    run = await pmc.start(pack_id=(await pmc.pack(things(60, style="a", title="Lamp")))["pack_id"])
    token: dict[str, str] = {}
    found: list[str] = []

    while True:
        if run["status"] == "running":
            run = await pmc.step(run, max_items=10)
        page = await pmc.good(await pmc.get("/product/search", q="lamp", mode=mode, limit=7, **token))
        found += [each["product"]["sku"] for each in page["items"]]
        if page["next_token"] is None:
            break
        token = {"next_token": page["next_token"]}

    assert run["status"] == "completed"
    assert [each for each in found if each in known] == known
    assert len(found) == len(set(found))


async def test_links_end_with_their_time_and_are_for_one_object(pmc: Catalogue, clock: FixedClock) -> None:
    data = json.dumps(spring()).encode()
    upload = (await announce(pmc, data, "application/json"))["upload"]
    await pmc.scenario_profiles()
    run = await pmc.run(3, pack_id=(await pmc.pack(spring()))["pack_id"])
    download = (await pmc.good(await pmc.get("/publish/run/manifest/presign", run_id=run["run_id"], part=1)))[
        "download"
    ]
    other = download["url"].replace("/000001", "/000002")

    assert download["url"] != other or "1.ndjson" in download["url"]
    assert (await send(pmc, "PUT", download["url"], data))[0] == 403
    assert (await send(pmc, "GET", download["url"].replace("1.ndjson", "2.ndjson")))[0] in {403, 404}
    assert (await send(pmc, "GET", download["url"]))[0] == 200
    clock.advance(HOUR + 1)
    assert (await send(pmc, "PUT", upload["url"], data))[0] == 403
    assert (await send(pmc, "GET", download["url"]))[0] == 403


async def test_a_channel_is_free_again_after_the_end_of_its_run(pmc: Catalogue, clock: FixedClock) -> None:
    await pmc.scenario_profiles()
    pack_id = (await pmc.pack(spring()))["pack_id"]
    for end in ("cancel", "step", "abandon"):
        run = await pmc.start(pack_id=pack_id)
        taken = await pmc.post("/publish/run/start", pack_id=pack_id, channel_code="WEB")
        assert (taken.status, taken.details["run_id"]) == (409, run["run_id"])
        if end == "cancel":
            fields = {"run_id": run["run_id"], "expected_revision": run["revision"]}
            await pmc.good(await pmc.post("/publish/run/cancel", **fields))
        elif end == "step":
            await pmc.step(run)
        else:
            clock.advance(24 * HOUR + 1)
            await job(pmc, "run_abandon")
        run = (await pmc.good(await pmc.get("/publish/run/get", run_id=run["run_id"])))["run"]
        assert run["status"] == {"cancel": "cancelled", "step": "completed", "abandon": "failed"}[end]


async def test_nothing_of_an_org_is_shown_to_another(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    pack = await pmc.pack(spring())
    run = await pmc.run(pack_id=pack["pack_id"])
    product = await pmc.product("v-red-m")
    other = Catalogue(pmc.client.as_caller(orgcode="OTHER002"))
    await other.scenario_profiles()
    reads: list[tuple[str, dict[str, Any]]] = [
        ("/product/get", {"product_id": product["product_id"]}),
        ("/product/get", {"variant_id": "v-red-m", "channel_guid": "ch-web"}),
        ("/product/pointer/get", {"product_id": product["product_id"]}),
        ("/product/revision/list", {"product_id": product["product_id"]}),
        ("/publish/run/get", {"run_id": run["run_id"]}),
        ("/publish/run/manifest/list", {"run_id": run["run_id"]}),
        ("/publish/run/manifest/presign", {"run_id": run["run_id"], "part": 1}),
        ("/pack/get", {"pack_id": pack["pack_id"]}),
    ]
    nobodys = product["product_id"][:-12] + "0" * 12

    for path, query in reads:
        theirs = await other.get(path, **query)
        unknown = {name: nobodys if name.endswith("_id") else value for name, value in query.items()}
        answer = await other.get(path, **unknown)
        assert (theirs.status, theirs.error) == (404, answer.error), (path, theirs)
    for mode in ("prefix", "contains", "regex"):
        assert await other.found(q="tee", mode=mode) == []
    for query in ({"sku": "TEE-RED-M"}, {"channel_code": "WEB"}, {"style_id": "st-tee"}):
        assert (await other.list(**query))["items"] == []
    assert (await other.stats())["products"] == 0
    groups = await other.post("/product/group", dimension="style")
    assert (await other.good(groups))["groups"] == []


async def test_an_undo_brings_back_all_products_but_for_what_people_changed(pmc: Catalogue) -> None:
    pack_id = await published(pmc)
    mug = spring()
    offer_of(mug, "v-mug", "WEB")["price"] = money("9.00")
    await pmc.pack(mug, pack_id=pack_id)
    await pmc.run(pack_id=pack_id)
    before = await everything(pmc)
    document = spring()
    offer_of(document, "v-red-m", "WEB")["price"] = money("5.00")
    variant_of(document, "v-red-l")["title"] = "Other"
    offer_of(document, "v-blu-m", "WEB")["status"] = "withdrawn"
    await pmc.pack(document, pack_id=pack_id)
    run = await pmc.run(pack_id=pack_id)
    assert await everything(pmc) != before
    held = await pmc.product("v-red-l")
    await pmc.post("/product/online/clear", product_id=held["product_id"], expected_revision=held["revision"])

    await pmc.run(undo_of=run["run_id"])

    before[held["product_id"]]["online_state"] = "offline"
    assert await everything(pmc) == before
    assert (await pmc.post("/publish/run/start", undo_of=run["run_id"])).tag == "invalid-state"


@pytest.mark.parametrize("mode", ["prefix", "contains"])
@pytest.mark.parametrize("q", ["teeredm", "tee red m", "TEE_RED"])
async def test_spellings_of_a_sku_find_the_product(pmc: Catalogue, q: str, mode: str) -> None:
    await published(pmc)

    assert "TEE-RED-M" in await pmc.found(q=q, mode=mode, field="sku", channel_code="WEB")


async def test_a_scheduled_run_judges_by_the_profiles_of_its_start_and_ends_like_a_stepped_one(
    pmc: Catalogue, clock: FixedClock
) -> None:
    await pmc.scenario_profiles()
    pack_id = (await pmc.pack(spring()))["pack_id"]
    await pmc.start(pack_id=pack_id, start_utc=later(clock.now(), HOUR), driver="service")
    profile = await pmc.get("/publish-profile/get", channel_code="STORE")
    revision = profile.data["profile"]["revision"]
    await pmc.profile("STORE", logical_guids=["fac-2"], auto_online=True, expected_revision=revision)
    clock.advance(HOUR + 1)
    await job(pmc, "run_driver")
    stepped = Catalogue(pmc.client.as_caller(orgcode=f"S{(pmc.client.caller.orgcode or '')[1:]}"))  # type: ignore[union-attr]
    await stepped.scenario_profiles()
    await stepped.profile("STORE", logical_guids=["fac-2"], auto_online=True, expected_revision=1)
    await stepped.run(pack_id=(await stepped.pack(spring()))["pack_id"])

    def plain(products: dict[str, Any]) -> list[Any]:
        return sorted(
            products.values(),
            key=lambda each: (
                each["content"]["variant_id"],
                each["content"]["price"]["amount"] if "price" in each["content"] else "",
            ),
        )

    assert plain(await everything(pmc)) == plain(await everything(stepped))
    store = await pmc.list(channel_code="STORE", online_state="online")
    assert store["count"] == 3
