"""Variants whose style is not known yet: asked about many at a time, and synced under the lease of their style."""

import asyncio
from typing import Any

from chassis.unit import Change
from chassis.work.store import enqueue, is_under_way
from services.slc.job.domain import SyncJob
from services.slc.job.store import JOBS, SYNC
from tests.shop.standin import Reply
from tests.slc.sync.given import SECONDS, Shopfloor
from tests.waiting import until

VARIANTS = 60
STYLES = 15
UNSERVED = 5


async def listed_together(floor: Shopfloor, variant_ids: list[str], kind: str = "standard") -> None:
    """An active channel; all of these come on its list while it is paused, so that their jobs begin together."""
    await floor.open(kind=kind)
    await floor.act("channel/pause")
    added = await floor.slc.ask("variants/add", channel_id=floor.channel["channel_id"], variant_ids=variant_ids)
    assert added.status == 200, added
    floor.peers.pmc.asked.clear()
    await floor.act("channel/resume")


async def test_styles_of_many_variants_are_learned_in_few_questions(floor: Shopfloor) -> None:
    served = [f"v{number:02d}" for number in range(VARIANTS)]
    for number, each in enumerate(served):
        floor.publish(each, stock=5, style_id=f"st-{number % STYLES}")
    unserved = [f"u{number}" for number in range(UNSERVED)]

    await listed_together(floor, [*served, *unserved])
    await floor.synced(*served)
    for each in unserved:
        row = await floor.state(each, "waiting")
        assert row.last_error is not None
        assert row.last_error.code == "no_product"

    products = floor.standin.shop.products.values()
    assert sorted(len(each.variants) for each in products) == [VARIANTS // STYLES] * STYLES
    assert max(floor.peers.pmc.asked) > 1
    assert len(floor.peers.pmc.asked) < VARIANTS // 2


async def test_a_style_that_is_named_as_its_variant_is_synced_under_its_own_lease(floor: Shopfloor) -> None:
    variant_ids = [f"same-{number}" for number in range(12)]
    for each in variant_ids:
        floor.publish(each, stock=5, style_id=each)

    await listed_together(floor, variant_ids)
    await floor.synced(*variant_ids)

    shop = floor.standin.shop
    styles = {
        variant.item.sku: product.metafields["retailstack.style_id"][1]
        for product in shop.products.values()
        for variant in product.variants
    }
    assert styles == {f"SKU-{each}".upper(): each for each in variant_ids}


async def test_variants_of_a_custom_channel_are_matched_once_their_styles_are_known(floor: Shopfloor) -> None:
    variant_ids = [f"v{number}" for number in range(10)]
    for number, each in enumerate(variant_ids):
        floor.publish(each, stock=5, style_id=f"st-{number % 3}")

    await listed_together(floor, variant_ids, kind="custom")

    async def all_wait() -> bool:
        rows = [await floor.row(each) for each in variant_ids]
        codes = [row.last_error.code if row.last_error else None for row in rows]
        return codes == ["no_match"] * len(variant_ids)

    await until(all_wait, SECONDS)
    assert {(await floor.row(each)).style_id for each in variant_ids} == {"st-0", "st-1", "st-2"}


async def test_what_is_left_under_a_variants_own_name_begins_no_job_that_runs(floor: Shopfloor) -> None:
    floor.publish("v1", stock=5)
    await floor.open("v1")
    await floor.synced("v1")
    answers = asyncio.Event()
    handle = floor.standin.handle

    async def held(token: str, request: dict[str, Any]) -> Reply:
        reply = await handle(token, request)
        if "productVariantsBulkUpdate" in request["query"]:
            await answers.wait()
        return reply

    floor.standin.handle = held  # type: ignore[method-assign]
    floor.standin.log.clear()
    floor.publish("v1", price={"amount": "6", "currency": "EUR"})
    await floor.note("v1")
    await until(lambda: floor.standin.writes("productVariantsBulkUpdate"), SECONDS)
    key = f"{floor.channel['channel_id']}/v1"

    async def left(change: Change) -> None:
        await enqueue(change, SYNC, key, group="left")

    async def is_done() -> bool:
        async def look(change: Change) -> bool:
            return not await is_under_way(change, SYNC, key, orgcode=floor.orgcode)

        return await floor.change(look)

    async def job(change: Change) -> SyncJob:
        return await change.load(JOBS, key)

    await floor.change(left)
    await until(is_done, SECONDS)
    answers.set()
    await floor.synced("v1")

    assert len(floor.standin.writes("productVariantsBulkUpdate")) == 1
    assert (await floor.change(job)).deaths == 0
