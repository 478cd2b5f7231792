"""Custom channels: variants that are there are found and touched, nothing else."""

from tests.shop.model import Product
from tests.slc.shopify.given import a_product
from tests.slc.sync.given import SECONDS, Shopfloor
from tests.waiting import until

FORBIDDEN = {
    "productSet",
    "productUpdate",
    "productVariantsBulkCreate",
    "tagsAdd",
    "tagsRemove",
    "publishablePublish",
    "metafieldDefinitionCreate",
}


def a_shop_product(floor: Shopfloor, *skus: str) -> Product:
    """A product of the merchant, with its items stocked nowhere."""
    return a_product(floor.standin, *skus)


async def test_an_existing_variant_is_found_by_its_sku_and_only_its_own_fields_are_written(floor: Shopfloor) -> None:
    product = a_shop_product(floor, "SKU-V1", "OTHER")
    product.variants[0].item.tracked = False
    floor.publish("v1", stock=6)

    await floor.open("v1", kind="custom")
    await floor.synced("v1")

    variant = floor.standin.shop.by_sku("SKU-V1")
    assert (variant.price, variant.item.tracked) == ("19.90", True)
    assert floor.standin.available("SKU-V1") == 6
    assert (product.title, floor.standin.shop.by_sku("OTHER").price) == ("Tee", "0.00")
    assert not FORBIDDEN & {name for each in floor.standin.log for name in each.fields}


async def test_a_variant_that_the_shop_does_not_have_waits(floor: Shopfloor) -> None:
    floor.publish("v1", stock=6)
    await floor.open("v1", kind="custom")

    row = await floor.state("v1", "waiting")

    assert row.last_error is not None
    assert row.last_error.code == "no_match"


async def test_several_variants_with_the_sku_are_refused_with_their_ids(floor: Shopfloor) -> None:
    first, second = a_shop_product(floor, "SKU-V1"), a_shop_product(floor, "SKU-V1")
    floor.publish("v1", stock=6)
    await floor.open("v1", kind="custom")

    row = await floor.state("v1", "failed")

    assert row.last_error is not None
    assert row.last_error.code == "ambiguous_match"
    assert row.last_error.candidates == [first.variants[0].id, second.variants[0].id]


async def test_a_bundle_gets_its_price_and_never_a_quantity(floor: Shopfloor) -> None:
    product = a_shop_product(floor, "SKU-V1")
    product.variants[0].requires_components = True
    floor.publish("v1", stock=6)

    await floor.open("v1", kind="custom")
    await floor.synced("v1")

    assert floor.standin.shop.by_sku("SKU-V1").price == "19.90"
    assert floor.standin.available("SKU-V1") is None


async def test_a_shadow_channel_writes_nothing_and_says_what_it_would_write(floor: Shopfloor) -> None:
    a_shop_product(floor, "SKU-V1")
    floor.publish("v1", stock=6)

    await floor.open("v1", kind="custom", shadow=True)
    await until(lambda: any(each.fields == ["nodes"] for each in floor.standin.log), SECONDS)
    await floor.synced("v1")

    writes = {name for each in floor.standin.writes() for name in each.fields}
    assert writes <= {"webhookSubscriptionCreate"}
    audited = await floor.history("v1")
    assert {each["kind"] for each in audited} == {"sync.shadow"}
    assert "price" in {change["field"] for each in audited for change in each["changes"]}


async def test_a_price_in_another_currency_is_refused(floor: Shopfloor) -> None:
    a_shop_product(floor, "SKU-V1")
    floor.publish("v1", stock=6, price={"amount": "5", "currency": "USD"})
    await floor.open("v1", kind="custom")

    row = await floor.state("v1", "failed")

    assert row.last_error is not None
    assert row.last_error.code == "refused"
    assert "USD" in row.last_error.message


async def test_nothing_is_created_archived_or_renamed_in_a_whole_life(floor: Shopfloor) -> None:
    """Custom channel: no productSet, productUpdate, productVariantsBulkCreate, tagsAdd ever arrives."""
    product = a_shop_product(floor, "SKU-V1", "SKU-V2")
    floor.publish("v1", "v2", "v-absent", stock=6)
    await floor.open("v1", "v2", "v-absent", kind="custom", on_remove="zero_stock")
    await floor.synced("v1", "v2")
    await floor.state("v-absent", "waiting")

    floor.publish(
        "v1",
        price={"amount": "5", "currency": "EUR"},
        style_title="Better tee",
        tags=["winter"],
        handle="better",
        description_html="<p>Better</p>",
        options=[{"name": "Colour", "value": "red"}],
    )
    await floor.note("v1", "v2", "v-absent", forced=True)
    await until(lambda: floor.standin.shop.by_sku("SKU-V1").price == "5.00", SECONDS)
    floor.publish("v2", online=False)
    await floor.note("v2")
    await until(lambda: floor.standin.available("SKU-V2") == 0, SECONDS)
    removed = await floor.slc.ask(
        "variants/remove", channel_id=floor.channel["channel_id"], variant_ids=["v1", "v-absent"]
    )
    assert removed.status == 200, removed
    await until(lambda: floor.standin.available("SKU-V1") == 0, SECONDS)
    floor.standin.shop.remove_product(product.id)
    await floor.note("v2", forced=True)
    await floor.state("v2", "waiting")
    await floor.act("channel/deactivate")

    assert not FORBIDDEN & {name for each in floor.standin.log for name in each.fields}
    assert floor.standin.shop.products == {}
    assert (product.title, product.tags, product.status) == ("Tee", [], "ACTIVE")
