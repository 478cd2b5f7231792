"""variants/explain: each check turns false by the one fault that it names, and nothing is written anywhere."""

from typing import Any

from tests.shop.faults import Fault
from tests.slc.sync.given import SECONDS, TOKEN, Shopfloor
from tests.waiting import until

NAMES = [
    "included",
    "channel_active",
    "listing",
    "publishable",
    "match",
    "tracked",
    "stocked",
    "scopes",
    "currency",
    "open_write",
]


async def explained(floor: Shopfloor, variant_id: str) -> dict[str, Any]:
    """The explanation, which has written nothing to the shop, and changed neither channel nor audit."""
    before = (await floor.slc.again(floor.channel), await floor.history(variant_id), len(floor.standin.writes()))
    answer = await floor.slc.ask("variants/explain", channel_id=floor.channel["channel_id"], variant_id=variant_id)
    assert answer.status == 200, answer
    after = (await floor.slc.again(floor.channel), await floor.history(variant_id), len(floor.standin.writes()))
    assert after == before
    assert [each["check"] for each in answer.data["checks"]] == NAMES
    found: dict[str, Any] = answer.data
    return found


def verdicts(found: dict[str, Any]) -> dict[str, bool | None]:
    """The checks that are not ok."""
    return {each["check"]: each["ok"] for each in found["checks"] if each["ok"] is not True}


def changed(found: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Field -> before and after."""
    return {each["field"]: (each.get("before"), each.get("after")) for each in found["changes"]}


async def open_with(floor: Shopfloor, **config: Any) -> None:
    """A channel whose variant v1 is in step."""
    floor.publish("v1", stock=5)
    await floor.open("v1", **config)
    await floor.synced("v1")


async def test_nothing_stands_in_the_way_of_what_is_in_step(floor: Shopfloor) -> None:
    await open_with(floor)

    found = await explained(floor, "v1")

    assert found["variant"]["sync_state"] == "synced"
    assert (verdicts(found), found["changes"]) == ({}, [])


async def test_the_changes_are_what_a_forced_job_then_writes(floor: Shopfloor) -> None:
    await open_with(floor)
    floor.standin.shop.by_sku("SKU-V1").price = "15.00"
    floor.stock("v1", 3)
    floor.publish("v1", style_title="Shirt", tags=["summer", "new"])

    found = await explained(floor, "v1")
    told = changed(found)
    assert told["price"] == ("15.00", "19.90")
    assert told["inventory"] == (5, 3)
    assert told["title"] == ("Tee", "Shirt")
    assert set(told) == {"price", "inventory", "title", "tags"}

    known = len(await floor.history("v1"))
    await floor.slc.ask("channel/force-sync-variant", channel_id=floor.channel["channel_id"], variant_ids=["v1"])
    await floor.synced("v1")
    written = [change for each in (await floor.history("v1"))[known:] for change in each["changes"]]
    assert {each["field"]: (each.get("before"), each.get("after")) for each in written} == told


async def test_a_metafield_that_was_edited_in_the_shop_would_be_written(floor: Shopfloor) -> None:
    metafield = {"namespace": "care", "key": "wash", "type": "number_integer", "value": "30"}
    floor.publish("v1", metafields=[metafield])
    await open_with(floor)
    assert (await explained(floor, "v1"))["changes"] == []
    floor.standin.shop.by_sku("SKU-V1").metafields["care.wash"] = ("number_integer", "60")

    told = changed(await explained(floor, "v1"))

    assert set(told) == {"metafields"}
    known = len(await floor.history("v1"))
    await floor.slc.ask("channel/force-sync-variant", channel_id=floor.channel["channel_id"], variant_ids=["v1"])
    await floor.synced("v1")
    written = [change for each in (await floor.history("v1"))[known:] for change in each["changes"]]
    assert {each["field"]: (each.get("before"), each.get("after")) for each in written} == told
    assert floor.standin.shop.by_sku("SKU-V1").metafields["care.wash"][1] == "30"


async def test_a_product_that_is_not_there_yet_would_be_created(floor: Shopfloor) -> None:
    await open_with(floor)
    floor.publish("v-new", stock=4, style_id="st-new")
    floor.publish("v2", stock=2)

    new_product = await explained(floor, "v-new")
    new_variant = await explained(floor, "v2")

    assert new_product["variant"] is None
    assert verdicts(new_product) == verdicts(new_variant) == {"included": False}
    assert changed(new_product)["title"] == (None, "Tee")
    assert changed(new_product)["inventory"] == (None, 4)
    assert changed(new_variant)["sku"] == (None, "SKU-V2")
    assert "title" not in changed(new_variant)


async def test_content_that_fails_its_checks(floor: Shopfloor) -> None:
    await open_with(floor)

    unlisted = await explained(floor, "v-none")
    assert verdicts(unlisted) == {
        "included": False,
        "listing": False,
        "publishable": None,
        "match": None,
        "tracked": None,
        "stocked": None,
        "currency": None,
    }

    floor.publish("v1", price={"amount": "5", "currency": "USD"})
    foreign = await explained(floor, "v1")
    assert (verdicts(foreign), foreign["changes"]) == ({"currency": False}, [])

    floor.publish("v1", online=False, price={"amount": "19.9", "currency": "EUR"})
    offline = await explained(floor, "v1")
    assert verdicts(offline) == {"publishable": False}
    assert changed(offline) == {"status": ("ACTIVE", "DRAFT"), "inventory": (5, 0)}


async def test_a_shop_that_fails_its_checks(floor: Shopfloor) -> None:
    await open_with(floor)
    shop = floor.standin.shop

    shop.by_sku("SKU-V1").requires_components = True
    assert verdicts(await explained(floor, "v1")) == {"tracked": False}
    shop.by_sku("SKU-V1").requires_components = False

    shop.locations[floor.location].active = False
    assert verdicts(await explained(floor, "v1")) == {"stocked": False}
    shop.locations[floor.location].active = True

    floor.standin.token(TOKEN, ["read_products", "write_products", "write_inventory", "read_locations", "read_orders"])
    assert verdicts(await explained(floor, "v1")) == {"scopes": False}


async def test_a_write_without_an_outcome_is_said_to_hold_the_levels(floor: Shopfloor) -> None:
    await open_with(floor)
    fault = floor.standin.faults.add(Fault(field="inventorySetQuantities", status=503))
    floor.stock("v1", 3)
    await floor.note("v1", cause="stock", inventory_only=True, lane="fast")
    await until(lambda: [each for each in floor.standin.log if fault.field in each.fields], SECONDS)
    assert verdicts(await explained(floor, "v1")) == {"open_write": False}

    floor.standin.faults.told.remove(fault)
    await floor.slc.ask("channel/force-sync-variant", channel_id=floor.channel["channel_id"], variant_ids=["v1"])
    await until(lambda: floor.standin.available("SKU-V1") == 3, SECONDS)
    await floor.synced("v1")
    assert verdicts(await explained(floor, "v1")) == {}


async def test_a_paused_channel_is_not_active(floor: Shopfloor) -> None:
    await open_with(floor)
    await floor.act("channel/pause")
    assert verdicts(await explained(floor, "v1")) == {"channel_active": False}


async def test_a_custom_channel_needs_exactly_one_match(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    await floor.open("v1", kind="custom")
    await floor.state("v1", "waiting")

    found = await explained(floor, "v1")

    assert verdicts(found) == {"match": False, "tracked": None}
    assert found["changes"] == []


async def test_a_part_that_does_not_answer_is_no_error(floor: Shopfloor) -> None:
    await open_with(floor)

    floor.peers.pmc.down = True
    try:
        without_pmc = await explained(floor, "v1")
    finally:
        floor.peers.pmc.down = False
    assert verdicts(without_pmc) == {"listing": None, "publishable": None, "currency": None}

    await floor.act("channel/pause")
    floor.standin.shop.tokens.clear()
    without_shop = await explained(floor, "v1")
    assert verdicts(without_shop) == {
        "channel_active": False,
        "match": None,
        "tracked": None,
        "stocked": None,
        "scopes": None,
        "currency": None,
    }
