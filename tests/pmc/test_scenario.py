"""The scenario of the contract's guide, to its last number."""

from tests.pmc.given import Catalogue, offer_of, some, spring

FIRST = "c78fb55189922fee60df62d538e9f1e168cc4c3bdf5e8fdad2118409462f167b"
SECOND = "196084e2cfc66544aa807f7b051a26603785fc6e4f19d120522d2198c9b5ab1e"


async def test_the_scenario_of_the_guide(pmc: Catalogue) -> None:
    pack = await pmc.pack(spring())
    early = await pmc.post("/publish/run/start", pack_id=pack["pack_id"])
    assert (early.status, early.tag) == (409, "invalid-state")
    assert (await pmc.get("/pack/get", pack_id=pack["pack_id"])).data["pack"]["counts"] == {
        "channels": 2,
        "styles": 2,
        "variants": 4,
        "items": 7,
    }

    await pmc.scenario_profiles()
    again = await pmc.post(
        "/publish-profile/set", channel_code="WEB", channel_guid="ch-web", name="Web", currency="EUR"
    )
    assert (again.status, again.details["current_revision"]) == (428, 1)
    pop = await pmc.post(
        "/publish-profile/set",
        channel_code="POP",
        channel_guid="ch-pop",
        name="Pop",
        currency="EUR",
        logical_guids=["fac-1"],
    )
    assert (pop.status, pop.tag, pop.details["channel_code"]) == (409, "conflict", "WEB")

    run = await pmc.start(pack_id=pack["pack_id"])
    assert (run["status"], run["total"], run["revision"]) == ("running", 7, 1)
    one = await pmc.post("/publish/run/step", run_id=run["run_id"], expected_revision=1, max_items=3)
    assert some(one.data["step"]["outcomes"]) == {"created": 3}
    two = await pmc.post("/publish/run/step", run_id=run["run_id"], expected_revision=2, max_items=3)
    assert some(two.data["step"]["outcomes"]) == {"created": 2, "blocked": 1}
    lost = await pmc.post("/publish/run/step", run_id=run["run_id"], expected_revision=2, max_items=3)
    assert (lost.status, lost.details["current_revision"], lost.details["status"]) == (409, 3, "running")
    run = (await pmc.post("/publish/run/step", run_id=run["run_id"], expected_revision=3, max_items=3)).data["run"]
    assert run["status"] == "completed"
    assert some(run["outcomes"]) == {"created": 6, "blocked": 1}
    assert (run["new_revisions"], run["manifest_parts"], run["manifest_lines"]) == (7, 1, 7)

    red = await pmc.product("v-red-m")
    assert (red["online_state"], red["publishable"], red["live"]) == ("online", True, {"rev": 1, "rev_id": FIRST})
    assert (red["served_by"], red["revision"]) == ("live", 1)
    blue = await pmc.product("v-blu-m")
    assert ([each["rule_id"] for each in blue["warnings"]], blue["quality_score"]) == (["BARCODE"], 83)
    mug = await pmc.product("v-mug")
    assert [each["rule_id"] for each in mug["reasons"]] == ["REQUIRED.PRICE.AMOUNT"]
    assert (mug["quality_score"], "live" in mug) == (66, False)

    assert (await pmc.list(sku="tee-red-m"))["count"] == 2
    assert (await pmc.list(sku="tee-red-m", online_state="online"))["count"] == 1
    assert (await pmc.get("/product/list", category_id="cat-tees")).status == 400
    assert (await pmc.list(category_id="cat-tees", logical_guid="fac-1"))["count"] == 3
    assert await pmc.found(q="tee-red", field="sku", channel_code="WEB") == ["TEE-RED-L", "TEE-RED-M"]
    assert len(await pmc.found(q="RED", mode="contains", channel_code="WEB")) == 2
    assert await pmc.found(q="blu[ae]?-m$", mode="regex", field="sku") == ["TEE-BLU-M", "TEE-BLU-M"]
    bare = (await pmc.get("/product/search", q="teeredm", field="sku", channel_code="WEB")).data["items"]
    assert [(each["product"]["sku"], each["match"]["value"]) for each in bare] == [("TEE-RED-M", "tee-red-m")]
    groups = await pmc.post("/product/group", dimension="category", values=["cat-tees", "cat-mugs"], channel_code="WEB")
    assert groups.data == {
        "dimension": "category",
        "source": "rollup",
        "truncated": False,
        "groups": [
            {"value": "cat-tees", "label": "T-shirts", "count": 3, "online": 3, "offline": 0},
            {"value": "cat-mugs", "label": "Mugs", "count": 1, "online": 0, "offline": 1},
        ],
    }

    refused = await pmc.post("/product/online/set", product_id=mug["product_id"], expected_revision=1)
    assert (refused.status, refused.tag) == (409, "invalid-state")
    assert [each["rule_id"] for each in refused.details["reasons"]] == ["REQUIRED.PRICE.AMOUNT"]
    store_id = (await pmc.product("v-red-m", "ch-store"))["product_id"]
    shown = await pmc.post("/product/online/set", product_id=store_id, expected_revision=1)
    assert (shown.data["product"]["online_state"], shown.data["product"]["revision"]) == ("online", 2)
    assert (await pmc.post("/product/online/set", product_id=store_id, expected_revision=1)).status == 409
    same = await pmc.post("/product/online/set", product_id=store_id, expected_revision=2)
    assert same.data["product"]["revision"] == 2

    pointed = await pmc.post(
        "/product/pointer/set", product_id=red["product_id"], pointer="preview", rev=1, rev_id=FIRST
    )
    assert pointed.data["product"]["revision"] == 2
    assert (await pmc.product("v-red-m", view="preview"))["view_rev"] == 1

    document = spring()
    offer_of(document, "v-red-m", "WEB")["price"]["amount"] = "17.50"
    offer_of(document, "v-mug", "WEB")["price"] = {"amount": "9.00", "currency": "EUR"}
    assert (await pmc.pack(document, pack_id=pack["pack_id"]))["pack_rev"] == 2
    run = await pmc.run(pack_id=pack["pack_id"], style_id="st-tee", variant_id="v-red-m", channel_code="WEB")
    assert (run["total"], some(run["outcomes"]), run["status"]) == (1, {"updated": 1}, "completed")
    red = await pmc.product("v-red-m")
    assert (red["view_rev"], red["live"]["rev_id"], red["content"]["price"]["amount"]) == (2, SECOND, "17.5")
    revisions = (await pmc.get("/product/revision/list", product_id=red["product_id"])).data["items"]
    assert [(each["rev"], each["changed"]) for each in revisions] == [(2, ["price"]), (1, [])]
    assert (await pmc.post("/publish/run/start", pack_id=pack["pack_id"], variant_id="v-red-m")).status == 400

    wrong = await pmc.post(
        "/product/pointer/set", product_id=red["product_id"], pointer="fallback", rev=1, rev_id=SECOND
    )
    assert (wrong.status, wrong.tag, wrong.details["rev_id"]) == (409, "conflict", FIRST)
    back = await pmc.post("/product/pointer/set", product_id=red["product_id"], pointer="fallback", rev=1, rev_id=FIRST)
    assert back.data["product"]["served_by"] == "fallback"
    assert back.data["product"]["content"]["price"]["amount"] == "19.9"
    assert (await pmc.list(sku="TEE-RED-M", online_state="online"))["items"][0]["price"]["amount"] == "19.9"

    ten = await pmc.run(pack_id=pack["pack_id"], channel_code="WEB")
    assert (some(ten["outcomes"]), ten["pinned"]) == ({"unchanged": 3, "updated": 1}, 1)
    mug = await pmc.product("v-mug")
    assert (mug["live"]["rev"], mug["online_state"]) == (2, "online")
    red = await pmc.product("v-red-m")
    assert red["content"]["price"]["amount"] == "19.9"
    cleared = await pmc.post(
        "/product/pointer/clear",
        product_id=red["product_id"],
        pointer="fallback",
        expected_revision=red["revision"],
    )
    assert cleared.data["product"]["content"]["price"]["amount"] == "17.5"

    parts = (await pmc.get("/publish/run/manifest/list", run_id=ten["run_id"])).data["items"]
    assert [(each["part"], each["lines"]) for each in parts] == [(1, 4)]
    stats = await pmc.stats()
    wanted = {"products": 7, "online": 5, "publishable": 7, "revisions": 9, "pinned": 0}
    assert {name: stats[name] for name in wanted} == wanted

    undo = await pmc.run(undo_of=ten["run_id"])
    assert (undo["total"], some(undo["outcomes"])) == (4, {"unchanged": 3, "withdrawn": 1})
    mug = await pmc.product("v-mug")
    assert ("live" in mug, mug["online_state"], mug["online_reason_code"]) == (False, "offline", "UNDONE")
    undone = (await pmc.get("/publish/run/get", run_id=ten["run_id"])).data["run"]
    assert undone["undone_by"] == undo["run_id"]
    assert (await pmc.post("/publish/run/start", undo_of=ten["run_id"])).tag == "invalid-state"

    changes = await pmc.changes("v-mug")
    assert changes["count"] == 7
    assert [(each["product"]["variant_id"], each["change"]) for each in changes["items"][-3:]] == [
        ("v-red-m", "online"),
        ("v-red-m", "served"),
        ("v-mug", "served"),
    ]
    assert (await pmc.get("/product/changes", after=changes["next_token"])).data["count"] == 0
