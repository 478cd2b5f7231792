"""Crowds at the way in: thousands of orders in one catch-up, and a storm of webhooks about one product.

Costs are counted: calls at the shop, and orders in hand at once. `SLC_LONG=1` takes the sizes of the contract.
"""

import asyncio
import os
from typing import Any

from chassis.unit import Change
from services.slc.inbound.events import WebhookReceived
from services.slc.inbound.taking_in import work_on
from tests.shop.standin import Reply
from tests.slc.counter import Counter
from tests.slc.sync.given import SECONDS
from tests.waiting import until

LONG = bool(os.environ.get("SLC_LONG"))
ORDERS = 5_000 if LONG else 60
WEBHOOKS = 20_000 if LONG else 2_000
PAGE_ORDERS = 50
AT_ONCE = 100


def reads(counter: Counter, document: str) -> list[dict[str, Any]]:
    """The variables of each query of a document, in the order in which they came."""
    return [each.variables for each in counter.standin.log if f"query {document}(" in each.query]


async def test_a_catch_up_of_a_crowd_holds_up_no_webhook_and_reads_each_order_once(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-1", 2 * ORDERS)
    silent = [counter.standin.trade.sell({"v-1": 1}, silent=True).id for _ in range(ORDERS)]
    counter.standin.log.clear()
    answers = asyncio.Event()
    handle = counter.standin.handle

    async def held(token: str, request: dict[str, Any]) -> Reply:
        reply = await handle(token, request)
        if "OrderState" in request["query"]:
            await answers.wait()
        return reply

    counter.standin.handle = held  # type: ignore[method-assign]
    jobs = counter.slc.client.application.runtime.jobs
    await jobs.run("order_catch_up", {"orgcode": counter.orgcode}, dry_run=False)
    await until(lambda: reads(counter, "OrderState"), SECONDS)
    rung = counter.standin.trade.sell({"v-1": 1})
    await counter.deliver()

    async def is_queued() -> bool:
        key = f"{counter.channel['channel_id']}/{rung.id}"
        found = await counter.work("slc.orders", key)
        return found is not None and found.lane == "high"

    await until(is_queued, SECONDS)
    answers.set()
    await counter.settled(rung.id, "booked", committed=1)
    first = [each["id"] for each in reads(counter, "OrderState")]
    assert len(set(first)) < min(ORDERS, PAGE_ORDERS) + 1, "the webhook's order waited for the whole page"

    async def all_booked() -> bool:
        return (await counter.buckets("v-1"))["committed"] == ORDERS + 1

    await until(all_booked, SECONDS * (1 + ORDERS // 100))
    for order_id in silent[:: max(1, ORDERS // 20)]:
        await counter.settled(order_id, "booked", committed=1)
    asked = [each["id"] for each in reads(counter, "OrderState")]
    assert len(set(asked)) == ORDERS + 1
    assert len(asked) <= ORDERS + 1 + PAGE_ORDERS
    assert len(reads(counter, "OrdersChanged")) <= ORDERS // PAGE_ORDERS + 3


async def test_a_catch_up_keeps_one_page_of_orders_in_hand(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-1", 2 * ORDERS)
    for _ in range(PAGE_ORDERS + 10):
        counter.standin.trade.sell({"v-1": 1}, silent=True)
    answers = asyncio.Event()
    handle = counter.standin.handle

    async def held(token: str, request: dict[str, Any]) -> Reply:
        if "OrderState" in request["query"]:
            await answers.wait()
        return await handle(token, request)

    counter.standin.handle = held  # type: ignore[method-assign]
    jobs = counter.slc.client.application.runtime.jobs
    await jobs.run("order_catch_up", {"orgcode": counter.orgcode}, dry_run=False)

    async def in_hand() -> int:
        found = await counter.work("slc.catch-up", counter.channel["channel_id"])
        text = found.progress if found is not None and found.progress else ""
        return text.count("gid://shopify/Order/")

    await until(in_hand, SECONDS)
    assert await in_hand() <= PAGE_ORDERS + 1
    assert [each for each in reads(counter, "OrdersChanged") if each["after"]] == []
    answers.set()

    async def all_booked() -> bool:
        return (await counter.buckets("v-1"))["committed"] == PAGE_ORDERS + 10

    await until(all_booked, 2 * SECONDS)


async def test_a_storm_of_webhooks_for_one_product_is_one_look(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-1", 0, shown=0)
    [product] = counter.standin.shop.products.values()
    counter.standin.log.clear()
    channel_id = counter.channel["channel_id"]

    async def storm(start: int) -> None:
        async def work(change: Change) -> None:
            for number in range(start, start + AT_ONCE):
                told = WebhookReceived(
                    webhook_id=f"w-{number}",
                    topic="products/update",
                    shop_domain=counter.domain,
                    channel_id=channel_id,
                    resource_id=product.id,
                )
                await work_on(change, told, change.now)

        await counter.units.change(counter.call, work)

    for start in range(0, WEBHOOKS, AT_ONCE):
        await storm(start)

    async def looked() -> bool:
        answer = await counter.slc.ask("channel/stats", **counter.ids, period="1h")
        return bool(answer.data["stats"]["totals"]["echoes"])

    await until(looked, SECONDS)
    assert len(counter.standin.log) == 1
