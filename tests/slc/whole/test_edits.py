"""Webhooks about products: told from our own writes by value."""

from typing import Any

from services.slc.words import number_of
from tests.slc.sync.given import SECONDS
from tests.slc.whole.given import Whole
from tests.waiting import until


async def ring(whole: Whole, variant_id: str) -> None:
    """The shop says that the product of a variant was changed."""
    product_id = (await whole.variant(variant_id))["shopify_product_id"]
    whole.standin.hooks.outbox.clear()
    whole.standin.hooks.ring("products/update", {"id": number_of(product_id)})
    await whole.deliver()


async def edits(whole: Whole, variant_id: str) -> list[dict[str, Any]]:
    """Edits that were audited of a variant."""
    answer = await whole.slc.ask("audit/variant-history", variant_id=variant_id)
    return [each for each in answer.data["items"] if each["kind"] == "shop.edited"]


async def test_what_equals_what_we_wrote_is_an_echo(whole: Whole) -> None:
    await whole.selling({"v-1": 5})
    jobs = (await whole.totals())["jobs_enqueued"]
    whole.standin.log.clear()
    await ring(whole, "v-1")

    async def counted() -> bool:
        return bool((await whole.totals())["echoes"] == 1)

    await until(counted, SECONDS, lambda: str(whole.standin.log))
    assert whole.standin.writes() == []
    assert await edits(whole, "v-1") == []
    assert (await whole.totals())["jobs_enqueued"] == jobs


async def test_an_edit_in_the_shop_is_audited_and_put_right(whole: Whole) -> None:
    await whole.selling({"v-1": 5, "v-2": 5})
    whole.standin.shop.by_sku("SKU-V-1").price = "15.00"
    await ring(whole, "v-1")

    await until(lambda: whole.standin.shop.by_sku("SKU-V-1").price == "19.90", SECONDS)
    await whole.synced("v-1")
    [edited] = await edits(whole, "v-1")
    assert edited["changes"] == [{"field": "price", "before": "19.90", "after": "15.00"}]
    assert (edited["cause"], edited["outcome"]) == ("shop_edit", "recorded")
    assert await edits(whole, "v-2") == []


async def test_an_edit_stays_where_the_channel_does_not_repair(whole: Whole) -> None:
    await whole.selling({"v-1": 5}, drift_repair=False)
    jobs = (await whole.totals())["jobs_enqueued"]
    whole.standin.shop.by_sku("SKU-V-1").price = "15.00"
    await ring(whole, "v-1")

    async def told() -> bool:
        return len(await edits(whole, "v-1")) == 1

    await until(told, SECONDS, lambda: str(whole.standin.log))
    assert (await whole.totals())["jobs_enqueued"] == jobs


async def test_statistics_count_every_request_that_the_shop_has_seen(whole: Whole) -> None:
    await whole.selling({"v-1": 5})
    whole.standin.trade.sell({"SKU-V-1": 2})
    await whole.deliver()
    jobs = whole.slc.client.application.runtime.jobs
    await jobs.run("SlcCredentialHealth", {"orgcode": whole.orgcode}, dry_run=False)

    async def booked() -> bool:
        return bool((await whole.totals())["units_committed"] == 2)

    await until(booked, SECONDS)

    async def equal() -> bool:
        return bool((await whole.totals())["shopify_calls"] == len(whole.standin.log))

    await until(equal, SECONDS, lambda: str([each.fields for each in whole.standin.log]))
