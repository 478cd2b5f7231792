from typing import Any

from tests.chassis.bus_given import eventually
from tests.slc.counter import Counter


async def test_an_order_is_committed_once_however_often_its_webhooks_come(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-1", 10)
    counter.standin.hooks.habits.held = True
    order = counter.standin.trade.sell({"v-1": 2})
    outbox = list(counter.standin.hooks.outbox)
    counter.standin.hooks.habits.held = False
    for _ in range(3):
        counter.standin.hooks.outbox = list(outbox)
        await counter.deliver()

    found = await counter.settled(order.id, "booked", committed=2)
    assert (await counter.buckets("v-1"))["committed"] == 2
    level = await counter.level("v-1")
    assert (level["baseline"], level["unseen"]) == (8, 0)
    posting = found["lines"][0]["postings"][0]
    assert (posting["kind"], posting["quantity"], posting["state"]) == ("commit", 2, "confirmed")
    assert len(found["lines"][0]["postings"]) == 1
    history = await counter.slc.ask("audit/variant-history", variant_id="v-1")
    assert [each["kind"] for each in history.data["items"]] == ["order.committed"]


async def test_a_refund_before_shipping_releases_and_raises_the_baseline(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-2", 10)
    order = counter.standin.trade.sell({"v-2": 3})
    await counter.deliver()
    await counter.settled(order.id, "booked", committed=3)
    counter.standin.trade.refund(order.id, "v-2", 2)
    await counter.deliver()
    await counter.settled(order.id, "booked", committed=1, held=1)

    assert (await counter.buckets("v-2"))["committed"] == 1
    assert (await counter.level("v-2"))["baseline"] == 9
    counter.standin.trade.cancel(order.id)
    await counter.deliver()
    await counter.settled(order.id, "booked", committed=0, held=0)
    assert (await counter.level("v-2"))["baseline"] == 10


async def test_what_came_back_is_received_from_the_customer(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-3", 5)
    order = counter.standin.trade.sell({"v-3": 2})
    await counter.deliver()
    await counter.settled(order.id, "booked", committed=2)
    counter.standin.trade.refund(order.id, "v-3", 1, "RETURN")
    await counter.deliver()
    found = await counter.settled(order.id, "booked", returned=1, committed=2)

    assert [each["kind"] for each in found["lines"][0]["postings"]] == ["commit", "return"]
    assert (await counter.level("v-3"))["baseline"] == 4


async def test_units_that_ics_refuses_are_oversold_until_stock_comes(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-4", 2, shown=5)
    order = counter.standin.trade.sell({"v-4": 5})
    await counter.deliver()
    await counter.settled(order.id, "oversold", committed=2, oversold=3)
    level = await counter.level("v-4")
    assert (level["oversold"], level["baseline"]) == (3, 0)

    await counter.stock("v-4", 10)
    await counter.slc.ask("orders/reconcile", **counter.ids, shopify_order_ids=[order.id])
    await counter.settled(order.id, "booked", committed=5, oversold=0)
    assert (await counter.level("v-4"))["oversold"] == 0


async def test_an_order_that_waits_for_payment_takes_units_off_the_baseline_once(counter: Counter) -> None:
    await counter.open(order_trigger="paid")
    await counter.listed("v-5", 5)
    order = counter.standin.trade.sell({"v-5": 2}, paid=False)
    await counter.deliver()
    await counter.settled(order.id, "partial", awaiting=2, committed=0)
    assert (await counter.level("v-5"))["baseline"] == 3

    counter.standin.trade.pay(order.id)
    await counter.deliver()
    await counter.settled(order.id, "booked", awaiting=0, committed=2)
    level = await counter.level("v-5")
    assert (level["baseline"], level["awaiting"]) == (3, 0)


async def test_lost_webhooks_are_caught_up_on(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-6", 5)
    order = counter.standin.trade.sell({"v-6": 1}, silent=True)
    jobs = counter.slc.client.application.runtime.jobs
    await jobs.run("order_catch_up", {"orgcode": counter.orgcode}, dry_run=False)
    await counter.settled(order.id, "booked", committed=1)


async def test_orders_from_before_the_activation_are_ignored_until_asked_for(counter: Counter) -> None:
    await counter.connected()
    await counter.listed("v-7", 5)
    order = counter.standin.trade.sell({"v-7": 1}, silent=True)
    order.created_at = "2026-01-01T00:00:00.000Z"
    await counter.ask("channel/activate", **counter.revised)
    batch = await counter.slc.ask("orders/reconcile", **counter.ids, shopify_order_ids=[order.id])
    await counter.settled(order.id, "ignored", committed=0)
    assert batch.data["enqueued"] == 1

    lifted = {"shopify_order_ids": [order.id], "include_before_activation": True}
    await counter.slc.ask("orders/reconcile", **counter.ids, **lifted)
    await counter.settled(order.id, "booked", committed=1)

    async def told() -> bool:
        return (await counter.slc.client.collect_events()).count("slc.orders.reconciled") >= 2

    await eventually(told)


async def test_two_of_the_filters_are_refused(counter: Counter) -> None:
    await counter.connected()
    order: dict[str, Any] = {"shopify_order_id": 1, "state": "booked"}
    assert (await counter.slc.ask("orders/list", **counter.ids, **order)).status == 400
    inactive = await counter.slc.ask("orders/reconcile", **counter.ids, shopify_order_ids=[1])
    assert (inactive.status, inactive.error_code) == (409, "slc.conflict_state")
    for wrong in ({}, {"from_utc": "2020-01-01T00:00:00.000Z"}, {"shopify_order_ids": [1, "1"]}):
        assert (await counter.slc.ask("orders/reconcile", **counter.ids, **wrong)).status == 400


async def test_a_webhook_with_a_wrong_signature_is_refused(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-8", 5)
    counter.standin.hooks.habits.held = True
    order = counter.standin.trade.sell({"v-8": 1})
    delivery = counter.standin.hooks.outbox[0]
    headers = {**delivery.headers, "X-Shopify-Hmac-SHA256": "AAAA" + delivery.headers["X-Shopify-Hmac-SHA256"][4:]}
    wrong = await counter.slc.client.send("POST", "/webhooks/shopify", delivery.body, headers)
    assert (wrong.status, wrong.raw) == (401, b"")
    assert await counter.order(order.id) is None
    right = await counter.slc.client.send("POST", "/webhooks/shopify", delivery.body, delivery.headers)
    assert (right.status, right.raw) == (200, b"")
