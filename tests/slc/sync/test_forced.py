"""Quantities that are read before they are believed: they wait for a catch-up that begins after their jobs."""

from tests.shop.model import Item, Level, Product, Variant
from tests.slc.sync.given import SECONDS, Shopfloor
from tests.waiting import until


def offered(floor: Shopfloor, sku: str, units: int) -> None:
    """The shop sells a product that SLC has not made."""
    shop = floor.standin.shop
    item = Item(shop.gid("InventoryItem"), sku, levels={floor.location: Level(units)})
    product = Product(shop.gid("Product"), sku.lower(), sku, options=["Title"])
    product.variants.append(Variant(shop.gid("ProductVariant"), product.id, item, [("Title", "Default Title")]))
    shop.add_product(product)


async def test_a_forced_job_puts_a_quantity_right_that_was_edited_by_hand(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    await floor.open("v1")
    await floor.synced("v1")
    floor.standin.shop.by_sku("SKU-V1").item.levels[floor.location].available = 50
    floor.standin.log.clear()

    forced = await floor.slc.ask(
        "channel/force-sync-variant", channel_id=floor.channel["channel_id"], variant_ids=["v1"]
    )
    assert forced.status == 200, forced

    await until(lambda: floor.standin.available("SKU-V1") == 5, SECONDS)
    await floor.synced("v1")
    [write] = floor.standin.writes("inventorySetQuantities")
    entry = write.variables["input"]["quantities"][0]
    assert (entry["quantity"], entry["changeFromQuantity"]) == (5, 50)
    assert (await floor.row("v1")).levels[0].baseline == 5


async def test_a_forced_job_that_finds_all_equal_ends_without_a_write(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    await floor.open("v1")
    await floor.synced("v1")
    floor.standin.log.clear()

    await floor.slc.ask("channel/force-sync-variant", channel_id=floor.channel["channel_id"], variant_ids=["v1"])

    await until(lambda: any("orders" in each.fields for each in floor.standin.log), SECONDS)
    await floor.synced("v1")
    assert floor.standin.writes() == []


async def test_a_level_that_is_there_already_is_read_and_brought_in_step(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    offered(floor, "SKU-V1", 9)
    await floor.open("v1", kind="custom")
    await floor.synced("v1")

    assert floor.standin.available("SKU-V1") == 5
    [write] = floor.standin.writes("inventorySetQuantities")
    assert write.variables["input"]["quantities"][0]["changeFromQuantity"] == 9
