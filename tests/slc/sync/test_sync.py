from typing import Any

import pytest

from tests.shop.faults import Fault
from tests.slc.sync.given import SECONDS, Shopfloor
from tests.waiting import until


async def test_a_style_is_created_once_and_its_quantities_follow(floor: Shopfloor) -> None:
    floor.publish("v-red-m", stock=10)
    floor.publish("v-red-l", stock=4)

    await floor.open("v-red-m", "v-red-l", stock_buffer=1)
    await floor.synced("v-red-m", "v-red-l")

    created = floor.standin.writes("productSet")
    assert len(created) == 1
    assert floor.standin.available("SKU-V-RED-M") == 9
    assert floor.standin.available("SKU-V-RED-L") == 3
    assert [each.price for each in floor.standin.shop.variants.values()] == ["19.90", "19.90"]
    assert [each.status for each in floor.standin.shop.products.values()] == ["ACTIVE"]
    assert {each["kind"] for each in await floor.history("v-red-m")} == {"sync.created", "sync.inventory"}


async def test_only_what_changed_is_written(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    await floor.open("v1")
    await floor.synced("v1")
    floor.standin.log.clear()

    floor.publish("v1", price={"amount": "17.5", "currency": "EUR"})
    await floor.note("v1")
    await floor.synced("v1")

    assert [each.fields for each in floor.standin.writes()] == [["productVariantsBulkUpdate"]]
    variant = floor.standin.writes()[0].variables["variants"][0]
    assert {name: value for name, value in variant.items() if name != "id"} == {"price": "17.50"}


async def test_stock_that_changes_is_written_once(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    await floor.open("v1")
    await floor.synced("v1")
    floor.standin.log.clear()

    floor.stock("v1", 3)
    await floor.note("v1", cause="stock", inventory_only=True, lane="fast")
    await floor.synced("v1")

    writes = floor.standin.writes()
    assert [each.fields for each in writes] == [["inventorySetQuantities"]]
    entry = writes[0].variables["input"]["quantities"][0]
    assert (entry["quantity"], entry["changeFromQuantity"]) == (3, 5)
    assert floor.standin.available("SKU-V1") == 3


async def test_a_variant_that_goes_offline_has_none_and_is_denied(floor: Shopfloor) -> None:
    floor.publish("v1", "v2", stock=5)
    await floor.open("v1", "v2")
    await floor.synced("v1", "v2")

    floor.publish("v1", online=False)
    await floor.note("v1")
    await floor.synced("v1")

    assert (floor.standin.available("SKU-V1"), floor.standin.available("SKU-V2")) == (0, 5)
    assert [each.status for each in floor.standin.shop.products.values()] == ["ACTIVE"]


async def test_what_pmc_does_not_serve_waits(floor: Shopfloor) -> None:
    await floor.open("v-none")

    row = await floor.state("v-none", "waiting")

    assert row.last_error is not None
    assert row.last_error.code == "no_product"
    assert not floor.standin.writes("productSet")


async def test_six_failures_in_a_row_quarantine_one_variant_and_force_heals_it(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    floor.publish("v2", stock=5, style_id="st-other")
    await floor.open("v1", "v2")
    await floor.synced("v1", "v2")
    shopify_id = (await floor.row("v1")).shopify_variant_id or ""
    fault = floor.standin.faults.add(Fault(field="productVariantsBulkUpdate", containing=shopify_id, status=500))

    for each in ("v1", "v2"):
        floor.publish(each, price={"amount": "5", "currency": "EUR"})
    await floor.note("v1", "v2")
    row = await floor.state("v1", "quarantined")
    await floor.synced("v2")
    assert row.last_error is not None
    assert (row.last_error.attempts, row.last_error.code) == (6, "transient")

    floor.standin.faults.told.remove(fault)
    forced = await floor.slc.ask(
        "channel/force-sync-variant", channel_id=floor.channel["channel_id"], variant_ids=["v1"]
    )
    assert forced.status == 200, forced
    await until(lambda: floor.standin.shop.by_sku("SKU-V1").price == "5.00", SECONDS)


@pytest.mark.parametrize("content", [{"style_title": "Better tee"}, {"price": {"amount": "6", "currency": "EUR"}}])
async def test_a_product_that_was_deleted_without_a_word_is_made_anew(
    floor: Shopfloor, content: dict[str, Any]
) -> None:
    floor.publish("v1", "v2", stock=5)
    await floor.open("v1", "v2")
    await floor.synced("v1", "v2")
    [product_id] = floor.standin.shop.products
    floor.standin.shop.remove_product(product_id)

    floor.publish("v1", **content)
    await floor.note("v1")
    await until(lambda: len(floor.standin.shop.products) == 1, SECONDS, lambda: str(floor.standin.log[-3:]))
    await floor.synced("v1")

    assert product_id not in floor.standin.shop.products
    assert floor.standin.available("SKU-V1") == 5
    assert len(floor.standin.writes("productSet")) == 2
