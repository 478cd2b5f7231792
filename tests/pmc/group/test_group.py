"""Groups are what a caller would count who reads every product."""

from collections import Counter
from typing import Any

import pytest

from tests.pmc.given import Catalogue, Document, money, offer, offer_of, spring

CHANNELS = ("WEB", "STORE")


def two_vendors() -> Document:
    """The scenario's pack with a vendor for each style."""
    document = spring()
    document["vendors"].append({"vendor_id": "ven-2", "name": "Southwind"})
    document["styles"][1]["vendor_id"] = "ven-2"
    return document


async def counted(pmc: Catalogue, dimension: str, channels: tuple[str, ...], state: str) -> list[tuple[str, int, int]]:
    """Value, products online and offline, as reading every product gives them; in the order of the groups."""
    found: Counter[tuple[str, bool]] = Counter()
    for channel in channels:
        for each in (await pmc.list(channel_code=channel, limit="256"))["items"]:
            product = (await pmc.good(await pmc.get("/product/get", product_id=each["product_id"])))["product"]
            content, online = product["content"], product["online_state"] == "online"
            values = {
                "style": content["style_id"],
                "vendor": content.get("vendor", {}).get("vendor_id"),
                "channel": channel,
                "online_state": product["online_state"],
            }
            if values[dimension] is not None:
                found[values[dimension], online] += 1
    rows = []
    for value in {value for value, _ in found}:
        online = 0 if state == "offline" else found[value, True]
        offline = 0 if state == "online" else found[value, False]
        rows.append((value, online, offline))
    return sorted((row for row in rows if row[1] + row[2]), key=lambda row: (-row[1] - row[2], row[0]))


async def groups(pmc: Catalogue, **body: Any) -> list[tuple[str, int, int]]:
    data = await pmc.good(await pmc.post("/product/group", **body))
    assert all(each["count"] == each["online"] + each["offline"] for each in data["groups"])
    return [(each["value"], each["online"], each["offline"]) for each in data["groups"]]


async def check_groups(pmc: Catalogue) -> None:
    """Compare the groups of every kind, over all channels and in each."""
    for dimension in ("style", "vendor", "channel", "online_state"):
        for state in ("both", "online", "offline"):
            for channel in (None, *CHANNELS):
                wanted = await counted(pmc, dimension, CHANNELS if channel is None else (channel,), state)
                asked: dict[str, Any] = {"dimension": dimension, "online_state": state}
                if channel is not None:
                    asked["channel_code"] = channel
                assert await groups(pmc, **asked) == wanted, asked
                named = [value for value, _, _ in reversed(wanted)]
                if named:
                    found = await groups(pmc, **asked, values=[*named, "none"])
                    assert found == [*reversed(wanted), ("none", 0, 0)], asked


async def test_groups_are_those_of_the_products_whatever_happens_to_them(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    await pmc.profile("STORE", logical_guids=["fac-2"], auto_online=True, expected_revision=1)
    pack_id = (await pmc.pack(two_vendors()))["pack_id"]
    await pmc.run(pack_id=pack_id)
    await check_groups(pmc)

    moved = two_vendors()
    moved["styles"][0]["vendor_id"] = "ven-2"
    offer_of(moved, "v-mug", "WEB")["price"] = money("9.00")
    await pmc.pack(moved, pack_id=pack_id)
    run = await pmc.run(pack_id=pack_id, channel_code="WEB")
    await check_groups(pmc)

    product = await pmc.product("v-red-m")
    named = {"product_id": product["product_id"], "expected_revision": product["revision"]}
    await pmc.good(await pmc.post("/product/online/clear", **named))
    revisions = (await pmc.good(await pmc.get("/product/revision/list", product_id=product["product_id"])))["items"]
    first = {"product_id": product["product_id"], "rev": 1, "rev_id": revisions[-1]["rev_id"]}
    await pmc.good(await pmc.post("/product/pointer/set", pointer="fallback", **first))
    await check_groups(pmc)

    await pmc.run(undo_of=run["run_id"])
    await check_groups(pmc)


async def test_the_largest_groups_come_first_and_their_number_is_limited(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    document = two_vendors()
    document["styles"][1]["variants"][0]["channels"].append(offer("STORE", "3.00"))
    await pmc.run(pack_id=(await pmc.pack(document))["pack_id"])

    one = await pmc.good(await pmc.post("/product/group", dimension="vendor", limit=1))
    both = await pmc.good(await pmc.post("/product/group", dimension="vendor", limit=2))

    assert (one["truncated"], both["truncated"], one["source"]) == (True, False, "search")
    assert [(each["value"], each["label"], each["count"]) for each in both["groups"]] == [
        ("ven-1", "Northwind", 6),
        ("ven-2", "Southwind", 2),
    ]
    assert one["groups"] == both["groups"][:1]


@pytest.mark.parametrize("dimension", ["category", "department", "division"])
async def test_the_taxonomy_is_counted_within_a_channel_alone(pmc: Catalogue, dimension: str) -> None:
    answer = await pmc.post("/product/group", dimension=dimension)

    assert (answer.status, list(answer.problems)) == (400, ["channel_guid"])


async def test_a_vendor_has_the_name_that_came_last_with_a_product(pmc: Catalogue) -> None:
    await pmc.scenario_profiles()
    pack_id = (await pmc.pack(two_vendors()))["pack_id"]
    await pmc.run(pack_id=pack_id)
    renamed = two_vendors()
    renamed["vendors"][1]["name"] = "Westwind"
    await pmc.pack(renamed, pack_id=pack_id)
    await pmc.run(pack_id=pack_id)

    for asked in ({}, {"channel_code": "WEB"}):
        answer = await pmc.post("/product/group", dimension="vendor", values=["ven-2"], **asked)
        assert [each["label"] for each in (await pmc.good(answer))["groups"]] == ["Westwind"]
