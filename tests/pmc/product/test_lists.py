"""product/list by every filter: in one online state it has the products of both, without the others."""

from typing import Any

from tests.pmc.given import Catalogue, money, offer_of, spring
from tests.pmc.test_checks_from_outside import things

FILTERS: list[dict[str, str]] = [
    {},
    {"channel_guid": "ch-web"},
    {"channel_code": "STORE"},
    {"logical_guid": "fac-1"},
    {"style_id": "st-tee"},
    {"vendor_id": "ven-1"},
    {"category_id": "cat-tees", "channel_code": "WEB"},
    {"department_id": "dep-tops", "channel_code": "WEB"},
    {"division_id": "div-app", "logical_guid": "fac-1"},
    {"variant_id": "v-red-m"},
    {"variant_code": "TEE-RM"},
    {"style_code": "TEE"},
    {"sku": "tee-red-m"},
    {"barcode_value": "4006381333931"},
    {"identifier_type": "ERP", "identifier_value": "100-1"},
    {"alias_tag": "OLD", "alias_value": "T1RM"},
]


async def pages(pmc: Catalogue, **query: str) -> list[Any]:
    """All products of a list, read one by one."""
    found: list[Any] = []
    token: dict[str, str] = {}
    while True:
        page = await pmc.list(**query, limit="1", **token)
        found += page["items"]
        if page["next_token"] is None:
            return found
        token = {"next_token": page["next_token"]}


async def test_a_list_in_one_online_state_leaves_out_the_others(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    document = spring()
    offer_of(document, "v-mug", "WEB")["price"] = money("9.00")
    await pmc.run(pack_id=(await pmc.pack(document))["pack_id"])
    red = await pmc.product("v-red-l")
    fields = {"product_id": red["product_id"], "expected_revision": red["revision"]}
    await pmc.good(await pmc.post("/product/online/clear", **fields))

    for named in FILTERS:
        both = (await pmc.list(**named))["items"]
        assert both, named
        assert both == sorted(both, key=lambda each: str(each["product_id"]), reverse=True)
        online = [each for each in both if each["online_state"] == "online"]
        offline = [each for each in both if each["online_state"] == "offline"]
        assert await pages(pmc, **named, only_online="true") == online, named
        assert await pages(pmc, **named, online_state="offline") == offline, named
        assert await pages(pmc, **named, online_state="both") == both, named


async def test_a_token_is_for_the_online_state_it_was_made_with(pmc: Catalogue) -> None:
    await pmc.profile("WEB", auto_online=True)
    await pmc.run(pack_id=(await pmc.pack(things(3)))["pack_id"])
    token = (await pmc.list(channel_code="WEB", limit="1", online_state="online"))["next_token"]

    answer = await pmc.get("/product/list", channel_code="WEB", limit="1", next_token=token)

    assert (answer.status, answer.tag) == (400, "invalid-input")
