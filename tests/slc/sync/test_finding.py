"""Finding the Shopify side of whole styles: what it costs, what is adopted, and what is ambiguous."""

from typing import Any

from tests.shop.model import Product
from tests.shop.standin import LoggedCall
from tests.slc.shopify.given import a_product
from tests.slc.sync.given import SECONDS, Shopfloor
from tests.waiting import until

STYLE = 40


def searches(floor: Shopfloor) -> list[LoggedCall]:
    """The calls that searched for variants."""
    return [each for each in floor.standin.log if "productVariants" in each.fields]


def names(number: int) -> list[str]:
    return [f"v{place}" for place in range(number)]


def skus(variant_ids: list[str]) -> list[str]:
    return [f"SKU-{each}".upper() for each in variant_ids]


async def known_style(floor: Shopfloor, *variant_ids: str, **config: Any) -> None:
    """An open channel with variants whose style is known and that have no map; its jobs are noted together."""
    await floor.open(*variant_ids, **config)
    for each in variant_ids:
        await floor.state(each, "synced", "waiting", "failed")
    await floor.act("channel/pause")
    await floor.act("channel/purge-maps")

    async def forgotten() -> bool:
        return not any([(await floor.row(each)).shopify_variant_id for each in variant_ids])

    await until(forgotten, SECONDS)
    await floor.note(*variant_ids, cause="forced", forced=True)
    floor.standin.log.clear()


async def test_a_style_of_a_custom_channel_is_found_with_a_call_for_many_skus(floor: Shopfloor) -> None:
    variant_ids = names(STYLE)
    product = a_product(floor.standin, *skus(variant_ids))
    floor.publish(*variant_ids, stock=5)
    await known_style(floor, *variant_ids, kind="custom")
    await floor.act("channel/resume")
    await floor.synced(*variant_ids)

    assert [len(each.fields) for each in searches(floor)] == [25, 25]
    found = [(await floor.row(each)).shopify_variant_id for each in variant_ids]
    assert found == [each.id for each in product.variants]


async def test_a_merchants_product_is_adopted_with_all_its_variants_and_gets_the_custom_id(floor: Shopfloor) -> None:
    variant_ids = names(STYLE)
    product = a_product(floor.standin, *skus(variant_ids), available=1)
    floor.publish(*variant_ids, stock=5)
    await floor.open()
    await floor.act("channel/pause")
    added = await floor.slc.ask("variants/add", channel_id=floor.channel["channel_id"], variant_ids=variant_ids)
    assert added.status == 200, added
    floor.standin.log.clear()
    await floor.act("channel/resume")
    await floor.synced(*variant_ids)

    assert list(floor.standin.shop.products.values()) == [product]
    assert floor.standin.writes("productSet") == []
    assert product.metafields["retailstack.style_id"] == ("id", "st-tee")
    assert len(product.variants) == STYLE
    assert {floor.standin.available(sku) for sku in skus(variant_ids)} == {5}
    # One or two: the style of the variants is learned while they are on their way.
    assert 1 <= len(searches(floor)) <= 2
    ids = [each.variables for each in floor.standin.writes("metafieldsSet")]
    assert len([each for each in ids if each["metafields"][0]["key"] == "style_id"]) == 1


async def test_an_adopted_product_is_found_by_its_custom_id_when_its_skus_are_others(floor: Shopfloor) -> None:
    product = a_product(floor.standin, "SKU-V1", available=1)
    floor.publish("v1", stock=5)
    await known_style(floor, "v1")
    product.variants[0].item.sku = "BY-HAND"
    product.variants[0].options = [("Variant", "v1")]
    await floor.act("channel/resume")
    await floor.synced("v1")

    assert list(floor.standin.shop.products.values()) == [product]
    assert searches(floor) == []


async def test_hits_in_several_products_are_ambiguous_also_behind_the_first_page(floor: Shopfloor) -> None:
    variant_ids = names(6)
    first = a_product(floor.standin, *skus(variant_ids))
    for _ in range(4):
        # Found as well, because the search ignores case; equal to nothing.
        a_product(floor.standin, "sku-v3")
    second = a_product(floor.standin, "SKU-V3")
    floor.publish(*variant_ids, stock=5)
    await floor.open(*variant_ids)

    row = await floor.state("v3", "failed")

    assert row.last_error is not None
    assert row.last_error.code == "ambiguous_match"
    assert row.last_error.candidates == [first.id, second.id]
    assert _shown(first) == _shown(second) == {"0.00"}


async def test_hits_that_differ_in_case_alone_are_no_match(floor: Shopfloor) -> None:
    a_product(floor.standin, *["sku-v1"] * 12)
    floor.publish("v1", stock=5)
    await floor.open("v1", kind="custom")

    row = await floor.state("v1", "waiting")

    assert row.last_error is not None
    assert row.last_error.code == "no_match"


async def test_a_barcode_is_searched_for_where_no_sku_is_equal(floor: Shopfloor) -> None:
    product = a_product(floor.standin, "SKU-V0", "OTHER-1", "OTHER-2")
    for number, variant in enumerate(product.variants):
        variant.barcode = f"400638133393{number}"
    variant_ids = names(4)
    for number, each in enumerate(variant_ids):
        floor.publish(each, stock=5, barcodes=[{"value": f"400638133393{number}", "primary": True}])
    await known_style(floor, *variant_ids, kind="custom", match_by="sku_then_barcode")
    await floor.act("channel/resume")
    await floor.synced("v0", "v1", "v2")
    await floor.state("v3", "waiting")

    found = [(await floor.row(each)).shopify_variant_id for each in variant_ids]
    assert found == [*(each.id for each in product.variants), None]
    assert len(searches(floor)) == 2


async def test_a_variant_that_was_removed_before_its_first_sync_is_neither_matched_nor_created(
    floor: Shopfloor,
) -> None:
    floor.publish("v1", "v2", stock=5)
    await known_style(floor, "v1", "v2")
    floor.standin.shop.remove_product(next(iter(floor.standin.shop.products)))
    removed = await floor.slc.ask("variants/remove", channel_id=floor.channel["channel_id"], variant_ids=["v2"])
    assert removed.status == 200, removed
    await floor.act("channel/resume")
    await floor.synced("v1")

    [product] = floor.standin.shop.products.values()
    assert [each.item.sku for each in product.variants] == ["SKU-V1"]
    assert (await floor.row("v2")).shopify_variant_id is None


def _shown(product: Product) -> set[str]:
    """The prices of a product's variants."""
    return {each.price for each in product.variants}
