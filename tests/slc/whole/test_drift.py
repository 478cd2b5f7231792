"""Drift: what a shop shows compared with what it should show, reported, and put right where the channel says so."""

from typing import Any

from tests.shop.model import Product, Variant
from tests.slc.sync.given import SECONDS
from tests.slc.whole.given import Whole
from tests.waiting import until

M, L = "v-red-m", "v-red-l"


def shown(whole: Whole, variant_id: str) -> Variant:
    """A variant as its shop has it."""
    return whole.standin.shop.by_sku(f"SKU-{variant_id}".upper())


async def edited_quantity(whole: Whole, variant_id: str, units: int) -> None:
    """Somebody sets a quantity in the shop, and nothing is rung."""
    where = next(iter(whole.standin.shop.locations))
    whole.standin.levels.edit(shown(whole, variant_id).item.id, where, units, silent=True)


async def drift(whole: Whole) -> dict[str, Any]:
    """Run the job for the org: its answer."""
    jobs = whole.slc.client.application.runtime.jobs
    answer = await jobs.run("SlcDriftDetect", {"orgcode": whole.orgcode}, dry_run=False)
    return {name: getattr(answer, name) for name in answer.__struct_fields__}


async def report(whole: Whole) -> dict[str, Any]:
    """The newest report."""
    answer = await whole.slc.ask("channel/stats", **whole.ids, period="1h")
    found: dict[str, Any] = answer.data["stats"]["drift"]
    return found


async def kinds(whole: Whole, variant_id: str) -> list[str]:
    """What was audited of a variant by drift, oldest first, each kind once."""
    answer = await whole.slc.ask("audit/variant-history", variant_id=variant_id)
    found = [each["kind"] for each in reversed(answer.data["items"])]
    return list(dict.fromkeys(each for each in found if each.startswith(("drift.", "map."))))


def fields(found: dict[str, Any]) -> dict[str, int]:
    return {each["field"]: each["count"] for each in found["by_field"]}


async def test_what_was_edited_silently_is_found_and_put_right(whole: Whole) -> None:
    await whole.selling({M: 10, L: 4})
    shown(whole, M).price = "15.00"
    await edited_quantity(whole, M, 50)
    whole.slc.client.events.clear()

    answer = await drift(whole)

    await until(lambda: shown(whole, M).price == "19.90", SECONDS)
    await whole.shows(M, 10)
    expected = {"channels": 1, "checked": 2, "in_sync": 1, "drifted": 1, "missing": 0, "errors": 0, "repaired": 1}
    assert answer == expected
    found = await report(whole)
    assert fields(found) == {"price": 1, "inventory": 1}
    assert found["summary"]["trigger"] == "operator"
    by_field = {each["field"]: (each["expected"], each["actual"], each["action"]) for each in found["items"]}
    assert by_field == {"price": ("19.90", "15.00", "enqueued"), "inventory": (10, 50, "enqueued")}
    assert await kinds(whole, M) == ["drift.found", "drift.repaired"]
    assert await kinds(whole, L) == []
    channel = await whole.slc.again(whole.channel)
    assert channel["last_drift"] == found["summary"]
    totals = await whole.totals()
    assert (totals["drift_found"], totals["drift_repaired"]) == (1, 1)
    await until(lambda: "slc.drift.detected" in whole.slc.client.events, SECONDS)


async def test_what_equals_is_in_sync_and_makes_no_event(whole: Whole) -> None:
    await whole.selling({M: 10, L: 4}, stock_buffer=1)
    whole.standin.log.clear()
    whole.slc.client.events.clear()

    answer = await drift(whole)

    assert (answer["checked"], answer["in_sync"], answer["drifted"]) == (2, 2, 0)
    assert whole.standin.writes() == []
    assert await kinds(whole, M) == []
    assert "slc.drift.detected" not in whole.slc.client.events


async def test_a_channel_that_does_not_repair_reports(whole: Whole) -> None:
    await whole.selling({M: 10}, drift_repair=False)
    shown(whole, M).price = "15.00"
    whole.standin.log.clear()

    answer = await drift(whole)

    assert (answer["drifted"], answer["repaired"]) == (1, 0)
    [item] = (await report(whole))["items"]
    assert (item["field"], item["action"]) == ("price", "reported")
    assert whole.standin.writes() == []
    assert (await whole.variant(M))["sync_state"] == "synced"


async def test_a_product_that_is_gone_is_made_anew(whole: Whole) -> None:
    await whole.selling({M: 10, L: 4})
    whole.standin.shop.remove_product((await whole.variant(M))["shopify_product_id"])

    answer = await drift(whole)

    assert (answer["checked"], answer["missing"], answer["repaired"]) == (2, 2, 2)
    await whole.synced(M)
    await whole.shows(M, 10)
    await whole.shows(L, 4)
    assert (await kinds(whole, M))[:2] == ["drift.found", "map.forgotten"]
    assert {each["action"] for each in (await report(whole))["items"]} == {"forgotten"}
    assert len(whole.standin.shop.products) == 1


async def test_a_sale_that_nobody_rang_is_no_drift(whole: Whole) -> None:
    await whole.selling({M: 10})
    whole.standin.trade.sell({"SKU-V-RED-M": 3}, silent=True)

    answer = await drift(whole)

    assert (answer["checked"], answer["drifted"]) == (1, 0)
    assert (await whole.buckets(M))["committed"] == 3
    assert whole.standin.available("SKU-V-RED-M") == 7


async def test_a_product_field_counts_once_for_its_style(whole: Whole) -> None:
    await whole.selling({M: 10, L: 4})
    product = next(iter(whole.standin.shop.products.values()))
    product.title = "Edited"
    product.tags = ["their own"]

    answer = await drift(whole)

    assert (answer["drifted"], fields(await report(whole))) == (1, {"title": 1, "tags": 1})
    await until(lambda: product.title == "Tee" and sorted(product.tags) == ["summer", "their own"], SECONDS)


async def test_what_the_shop_rewrites_is_no_drift(whole: Whole) -> None:
    await whole.selling({M: 10})
    product = next(iter(whole.standin.shop.products.values()))
    known = (await whole.variant(M))["shopify_product_id"]
    assert product.id == known
    metafield = {"namespace": "care", "key": "wash", "type": "number_decimal", "value": "30.0"}
    whole.publish(M, metafields=[metafield], weight={"value": "0.180", "unit": "kg"})
    await whole.slc.ask("channel/force-sync", **whole.ids)
    await until(lambda: "care.wash" in shown(whole, M).metafields, SECONDS)
    await whole.synced(M)
    shown(whole, M).metafields["care.wash"] = ("number_decimal", "30")

    assert (await drift(whole))["in_sync"] == 1

    shown(whole, M).metafields["care.wash"] = ("number_decimal", "60")
    assert (await drift(whole))["repaired"] == 1
    assert shown(whole, M).metafields["care.wash"][1] == "30.0"


async def test_a_description_and_a_handle_that_the_shop_stores_otherwise_are_in_sync(whole: Whole) -> None:
    """A description and a handle that Shopify stores in another form than they were sent (HTML rewritten, handle
    taken), then a drift job: in_sync, no write."""
    taken = Product(whole.standin.shop.gid("Product"), "better-tee", "Another")
    whole.standin.shop.add_product(taken)
    whole.publish(M, description_html="<p>one</p> <p>two<br/></p>", handle="Better tee")
    await whole.selling({M: 10})
    product = whole.standin.shop.products[(await whole.variant(M))["shopify_product_id"]]
    assert product.description_html != "<p>one</p> <p>two<br/></p>"
    assert product.handle not in {"Better tee", taken.handle}
    whole.standin.log.clear()

    assert (await drift(whole))["in_sync"] == 1
    assert whole.standin.writes() == []

    whole.publish(M, description_html="<p>one</p> <p>three<br/></p>")
    await whole.slc.ask("channel/force-sync", **whole.ids)
    await until(lambda: "three" in product.description_html, SECONDS)
    await whole.synced(M)
    whole.standin.log.clear()
    assert (await drift(whole))["in_sync"] == 1
    assert whole.standin.writes() == []


async def test_a_paused_channel_is_not_compared(whole: Whole) -> None:
    await whole.selling({M: 10})
    whole.channel = await whole.slc.again(whole.channel)
    await whole.ask("channel/pause", **whole.revised)
    whole.standin.log.clear()

    assert (await drift(whole))["channels"] == 0
    assert whole.standin.log == []
