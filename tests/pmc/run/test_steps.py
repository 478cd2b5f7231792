"""Steps of a run: what little or nothing is left of a pack to do."""

from tests.pmc.given import Catalogue, offer_of, some, spring


async def test_a_run_without_items_ends_with_its_first_step(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    pack_id = (await pmc.pack(spring()))["pack_id"]
    # The mug is in the web shop alone.
    run = await pmc.start(pack_id=pack_id, style_id="st-mug", channel_code="STORE")
    assert (run["status"], run["total"], run["remaining"]) == ("running", 0, 0)

    run = await pmc.step(run)

    assert (run["status"], run["steps"], run["processed"], some(run["outcomes"])) == ("completed", 1, 0, {})
    assert (run["manifest_parts"], run["manifest_lines"]) == (0, 0)
    parts = await pmc.good(await pmc.get("/publish/run/manifest/list", run_id=run["run_id"]))
    assert (parts["items"], parts["count"]) == ([], 0)


async def test_items_withdrawn_and_blocked_stay_so_when_a_pack_is_run_again(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    document = spring()
    offer_of(document, "v-blu-m", "STORE")["status"] = "withdrawn"
    pack_id = (await pmc.pack(document))["pack_id"]
    await pmc.run(pack_id=pack_id)
    pmc.client.events.clear()

    again = await pmc.run(2, pack_id=pack_id)

    assert some(again["outcomes"]) == {"unchanged": 5, "blocked": 1, "withdrawn": 1}
    assert (again["new_revisions"], again["steps"]) == (0, 4)
    assert not [event for event in pmc.client.events if event.startswith("pmc.product.")]


async def test_a_value_may_be_served_once_in_each_channel(pmc: Catalogue) -> None:
    rules = [
        {"rule_id": f"ONE.{field.upper()}", "kind": "unique", "field": field, "severity": "error"}
        for field in ("sku", "barcodes", "handle")
    ]
    for channel in ("WEB", "STORE"):
        await pmc.profile(channel, rules=rules)
    pack_id = (await pmc.pack(spring()))["pack_id"]
    run = await pmc.run(pack_id=pack_id)
    assert some(run["outcomes"]) == {"created": 7}
    other = spring()
    for style in other["styles"]:
        style["style_id"] = f"other-{style['style_id']}"
        style["style_code"] = f"OTHER-{style['style_code']}"
        for variant in style["variants"]:
            variant["variant_id"] = f"other-{variant['variant_id']}"
            variant["variant_code"] = f"OTHER-{variant['variant_code']}"

    run = await pmc.run(pack_id=(await pmc.pack(other))["pack_id"])

    assert some(run["outcomes"]) == {"blocked": 7}
    product = await pmc.product("other-v-red-m", channel_guid="ch-store")
    assert {each["rule_id"] for each in product["reasons"]} == {"ONE.SKU", "ONE.BARCODES", "ONE.HANDLE"}
