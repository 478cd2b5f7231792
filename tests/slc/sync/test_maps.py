"""What is audited of maps, what a lost level becomes, and how an archived product counts."""

from typing import Any

from tests.shop.model import Item, Product, Variant
from tests.slc.sync.given import SECONDS, Shopfloor
from tests.waiting import until


def listed(floor: Shopfloor, sku: str) -> Variant:
    """A variant that the shop has already."""
    shop = floor.standin.shop
    product = Product(shop.gid("Product"), sku.lower(), sku, options=["Title"])
    item = Item(shop.gid("InventoryItem"), sku)
    variant = Variant(shop.gid("ProductVariant"), product.id, item, [("Title", "Default Title")], price="19.90")
    product.variants.append(variant)
    shop.add_product(product)
    return variant


async def kinds(floor: Shopfloor, variant_id: str) -> list[str]:
    return [each["kind"] for each in await floor.history(variant_id) if each["kind"].startswith("map.")]


async def totals(floor: Shopfloor) -> dict[str, Any]:
    answer = await floor.slc.ask("channel/stats", channel_id=floor.channel["channel_id"], period="1h")
    found: dict[str, Any] = answer.data["stats"]["totals"]
    return found


async def test_a_match_and_its_loss_are_audited(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    first = listed(floor, "SKU-V1")
    await floor.open("v1", kind="custom")
    await floor.synced("v1")
    assert await kinds(floor, "v1") == ["map.created"]

    floor.standin.shop.remove_product(first.product_id)
    second = listed(floor, "SKU-V1")
    await floor.note("v1", forced=True)

    async def mapped() -> bool:
        row = await floor.row("v1")
        return row.shopify_variant_id == second.id and row.sync_state == "synced"

    await until(mapped, SECONDS, lambda: str(floor.standin.log[-5:]))
    assert await kinds(floor, "v1") == ["map.created", "map.forgotten", "map.created"]
    forgotten = next(each for each in await floor.history("v1") if each["kind"] == "map.forgotten")
    assert forgotten["shopify_variant_id"] == first.id


async def test_a_created_variant_is_audited_as_created(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    await floor.open("v1")
    await floor.synced("v1")

    assert await kinds(floor, "v1") == []
    assert "sync.created" in {each["kind"] for each in await floor.history("v1")}


async def test_an_item_taken_off_its_location_is_stocked_again(floor: Shopfloor) -> None:
    floor.publish("v1", "v2", stock=5)
    await floor.open("v1", "v2")
    await floor.synced("v1", "v2")
    del floor.standin.shop.by_sku("SKU-V1").item.levels[floor.location]
    floor.stock("v1", 3)
    floor.stock("v2", 3)

    await floor.note("v1", "v2", cause="stock", inventory_only=True)

    await until(lambda: [floor.standin.available(f"SKU-V{n}") for n in (1, 2)] == [3, 3], SECONDS)
    await floor.synced("v1", "v2")


async def test_an_archived_product_is_counted(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    await floor.open("v1")
    await floor.synced("v1")
    await floor.slc.ask("variants/remove", channel_id=floor.channel["channel_id"], variant_ids=["v1"])

    product = floor.standin.shop.products[floor.standin.shop.by_sku("SKU-V1").product_id]
    await until(lambda: product.status == "ARCHIVED", SECONDS)

    async def counted() -> bool:
        return bool((await totals(floor))["products_archived"] == 1)

    await until(counted, SECONDS)
    assert (await totals(floor))["products_created"] == 1
