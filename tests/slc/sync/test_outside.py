"""What a tester can check from outside: what a stand-in shop sees of everything that SLC does."""

import asyncio
from functools import partial
from typing import Any

import pytest

from services.slc.channel.store import CHANNELS
from services.slc.job.domain import Reason
from services.slc.job.store import note
from services.slc.variant.store import rows_of
from tests.documents import node_tools
from tests.shop import schema
from tests.shop.faults import Fault
from tests.shop.model import Item, Product, Variant
from tests.shop.standin import IDEMPOTENT, Reply
from tests.slc.sync.given import SECONDS, Shopfloor
from tests.waiting import until

VERSION = "2026-10"
CHANGES = 1_000
MONTHS = 12


async def ready(floor: Shopfloor, *variant_ids: str, units: int = 5, **config: Any) -> None:
    """An active channel in step; the shop's log begins anew."""
    floor.publish(*variant_ids, stock=units)
    await floor.open(*variant_ids, **config)
    await floor.synced(*variant_ids)
    floor.standin.log.clear()


async def changed_often(floor: Shopfloor, variant_id: str, times: int) -> None:
    """Note the given number of changes of stock, a hundred in a transaction; the last one is 1 unit."""
    floor.stock(variant_id, 1)
    for _ in range(times // 100):

        async def write(change: Any) -> None:
            channel = await change.load(CHANNELS, floor.channel["channel_id"])
            for _ in range(100):
                rows = await rows_of(change, channel.channel_id, [variant_id])
                reason = Reason(cause="stock", inventory_only=True, lane="fast")
                await note(change, channel, list(rows.values()), reason)

        await floor.change(write)


async def totals(floor: Shopfloor) -> dict[str, Any]:
    answer = await floor.slc.ask("channel/stats", channel_id=floor.channel["channel_id"], period="1h")
    found: dict[str, Any] = answer.data["stats"]["totals"]
    return found


async def test_every_document_the_shop_receives_is_valid(floor: Shopfloor) -> None:
    """Every document it receives is valid against the real schema of the version in the address; every mutation that
    demands it carries @idempotent; changeFromQuantity is present and a number in every entry."""
    if not schema.is_there(VERSION):
        if not node_tools.has_npm():
            pytest.skip(node_tools.NO_NPM)
        node_tools.install()
    floor.publish("v1", "v2", stock=5)
    await floor.open("v1", "v2")
    await floor.synced("v1", "v2")
    floor.publish("v1", price={"amount": "17.5", "currency": "EUR"}, tags=["winter"], style_title="Better tee")
    floor.stock("v2", 3)
    await floor.note("v1")
    await floor.note("v2", cause="stock", inventory_only=True, lane="fast")
    await until(lambda: floor.standin.available("SKU-V2") == 3, SECONDS)
    await floor.synced("v1", "v2")
    await floor.note("v1", "v2", cause="forced", forced=True)
    await floor.synced("v1", "v2")
    await floor.act("channel/deactivate")

    validator = schema.validator(VERSION)
    for query in {each.query for each in floor.standin.log}:
        validator.check(query)
    demanding = [each for each in floor.standin.log if IDEMPOTENT & set(each.fields)]
    assert demanding
    assert all("@idempotent" in each.query for each in demanding)
    sets = [each for each in floor.standin.log if "inventorySetQuantities" in each.fields]
    entries = [entry for each in sets for entry in each.variables["input"]["quantities"]]
    assert entries
    assert all(type(entry["changeFromQuantity"]) is int for entry in entries)


async def test_a_thousand_changes_of_a_variant_while_its_job_runs_cost_two_writes_at_most(floor: Shopfloor) -> None:
    """1 000 stock changes of a variant while a job runs or the channel is paused: at most 2 writes after, the last one
    right."""
    await ready(floor, "v1")
    answers = asyncio.Event()
    handle = floor.standin.handle

    async def held(token: str, request: dict[str, Any]) -> Reply:
        reply = await handle(token, request)
        await answers.wait()
        return reply

    floor.standin.handle = held  # type: ignore[method-assign]
    floor.stock("v1", 3)
    await floor.note("v1", cause="stock", inventory_only=True, lane="fast")
    await until(lambda: floor.standin.writes("inventorySetQuantities"), SECONDS)
    await changed_often(floor, "v1", CHANGES)
    answers.set()

    await until(lambda: floor.standin.available("SKU-V1") == 1, SECONDS)
    await floor.synced("v1")
    assert len(floor.standin.writes("inventorySetQuantities")) <= 1 + 2


async def test_a_thousand_changes_in_a_paused_channel_cost_two_writes_at_most(floor: Shopfloor) -> None:
    """1 000 stock changes of a variant while a job runs or the channel is paused: at most 2 writes after, the last one
    right."""
    await ready(floor, "v1")
    await floor.act("channel/pause")
    await changed_often(floor, "v1", CHANGES)
    assert floor.standin.writes() == []
    await floor.act("channel/resume")

    await until(lambda: floor.standin.available("SKU-V1") == 1, SECONDS)
    await floor.synced("v1")
    assert len(floor.standin.writes("inventorySetQuantities")) <= 2


async def test_a_lost_answer_to_the_creation_makes_no_second_product(floor: Shopfloor) -> None:
    """A lost answer to productSet, or purged maps: one product per style."""
    floor.standin.faults.add(Fault(field="productSet", lost=True, times=1))
    floor.publish("v1", "v2", stock=5)
    await floor.open("v1", "v2")
    await floor.synced("v1", "v2")

    assert len(floor.standin.shop.products) == 1


async def test_purged_maps_make_no_second_product(floor: Shopfloor) -> None:
    """A lost answer to productSet, or purged maps: one product per style."""
    await ready(floor, "v1", "v2")
    await floor.act("channel/pause")
    await floor.act("channel/purge-maps")

    async def forgotten() -> bool:
        return (await floor.row("v1")).shopify_variant_id is None

    await until(forgotten, SECONDS)
    await floor.act("channel/resume")
    await floor.note("v1", "v2", cause="forced", forced=True)

    async def found_again() -> bool:
        return all([(await floor.row(each)).shopify_variant_id for each in ("v1", "v2")])

    await until(found_again, SECONDS)
    await floor.synced("v1", "v2")
    assert len(floor.standin.shop.products) == 1


async def test_a_shop_that_throttles_hard_gets_falling_stock_first(floor: Shopfloor) -> None:
    """Stand-in throttles hard (restore 10/s): nothing fails, nothing is quarantined; stock that falls is written before
    waiting content."""
    variant_ids = [f"v{number}" for number in range(7)]
    first, *others = variant_ids
    for each in variant_ids:
        floor.publish(each, stock=5, style_id=f"st-{each}")
    await floor.open(*variant_ids)
    await floor.synced(*variant_ids)
    floor.standin.log.clear()
    floor.standin.bucket.set(maximum=100.0, restore_rate=10.0)
    floor.standin.bucket.take(75.0)
    for each in others:
        floor.publish(each, style_title=f"Better {each}")
    floor.stock(first, 2)

    async def write(change: Any) -> None:
        channel = await change.load(CHANNELS, floor.channel["channel_id"])
        rows = await rows_of(change, channel.channel_id, variant_ids)
        await note(change, channel, [rows[each] for each in others], Reason(cause="product"))
        await note(change, channel, [rows[first]], Reason(cause="stock", inventory_only=True, lane="fast"))

    await floor.change(write)
    titles = {"Tee", *(f"Better {each}" for each in others)}
    await until(lambda: {each.title for each in floor.standin.shop.products.values()} == titles, 3 * SECONDS)
    await until(lambda: floor.standin.available(f"SKU-{first}".upper()) == 2, 3 * SECONDS)
    await floor.synced(*variant_ids)
    done = [name for each in floor.standin.log if each.is_write and each.outcome == "done" for name in each.fields]
    assert done.count("productUpdate") == len(others)
    assert done[-1] == "productUpdate", "stock that fell was written last"
    found = await totals(floor)
    assert (found["jobs_failed"], found["jobs_dead"]) == (0, 0)


def _shows(floor: Shopfloor, product: Product, month: int) -> bool:
    """Whether title and quantity of a month have arrived."""
    return product.title == f"Tee {month}" and floor.standin.available("SKU-V1") == 20 + month


async def test_what_a_merchant_added_survives_a_year_of_syncs(floor: Shopfloor) -> None:
    """A merchant's own tag, image, variant and metafield survive a year of syncs."""
    await ready(floor, "v1")
    shop = floor.standin.shop
    [product] = shop.products.values()
    product.tags.append("merchant's own")
    product.files.append("https://img.example/own.jpg")
    product.metafields["own.care"] = ("single_line_text_field", "by hand")
    own = Variant(
        shop.gid("ProductVariant"), product.id, Item(shop.gid("InventoryItem"), "OWN"), [("Variant", "own")], price="5"
    )
    product.variants.append(own)
    shop.variants[own.id], shop.items[own.item.id] = own, own.item

    for month in range(MONTHS):
        floor.publish("v1", style_title=f"Tee {month}", tags=[f"month-{month}"])
        floor.stock("v1", 20 + month)
        await floor.note("v1", forced=bool(month % 2))
        await until(partial(_shows, floor, product, month), SECONDS)
        await floor.synced("v1")

    assert set(product.tags) == {"merchant's own", f"month-{MONTHS - 1}"}
    assert "https://img.example/own.jpg" in product.files
    assert product.metafields["own.care"] == ("single_line_text_field", "by hand")
    assert own in product.variants
    assert own.price == "5"
