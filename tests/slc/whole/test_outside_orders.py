"""What a tester sees of orders: the same commits whatever becomes of the webhooks, and units at the right facility."""

import random
from typing import Any

import pytest

from chassis.testing.client import FACILITY
from tests.slc.sync.given import SECONDS
from tests.slc.whole.given import Whole
from tests.waiting import until


async def committed(whole: Whole, order_id: str) -> int:
    """Units that ICS holds for an order."""
    answer = await whole.ics.post("/commit/list", order_ref=order_id, channel_code="WEB")
    return sum(each["quantity"] - each["released"] for each in answer.data["items"])


@pytest.mark.parametrize("times", [0, 1, 2, 20])
async def test_webhooks_in_any_number_and_order_lead_to_the_same_commits(whole: Whole, times: int) -> None:
    await whole.selling({"v-1": 20})
    # What the test does not deliver stays where it is.
    whole.standin.hooks.habits.held = True
    trade = whole.standin.trade
    kept = trade.sell({"SKU-V-1": 3})
    refunded = trade.sell({"SKU-V-1": 4})
    trade.refund(refunded.id, "SKU-V-1", 1)
    cancelled = trade.sell({"SKU-V-1": 2})
    trade.cancel(cancelled.id)
    edited = trade.sell({"SKU-V-1": 1})
    trade.edit(edited.id, "SKU-V-1", 2)

    waiting = whole.standin.hooks.outbox * times
    random.Random(times).shuffle(waiting)
    whole.standin.hooks.outbox = waiting
    await whole.deliver()
    jobs = whole.slc.client.application.runtime.jobs
    await jobs.run("order_catch_up", {"orgcode": whole.orgcode}, dry_run=False)

    expected = {kept.id: 3, refunded.id: 3, cancelled.id: 0, edited.id: 3}
    for order_id, units in expected.items():
        await whole.settled(order_id, "booked", committed=units)
    assert {order_id: await committed(whole, order_id) for order_id in expected} == expected
    assert (await whole.buckets("v-1"))["available"] == 20 - sum(expected.values())
    await whole.shows("v-1", 20 - sum(expected.values()))


async def test_every_confirmed_posting_names_a_document_of_that_quantity(whole: Whole) -> None:
    await whole.selling({"v-1": 20})
    whole.standin.hooks.habits.held = True
    order = whole.standin.trade.sell({"SKU-V-1": 5})
    await whole.deliver()
    await whole.settled(order.id, "booked", committed=5)
    whole.standin.trade.refund(order.id, "SKU-V-1", 2)
    await whole.deliver()
    found = await whole.settled(order.id, "booked", committed=3)

    [line] = found["lines"]
    assert [(each["kind"], each["quantity"], each["state"]) for each in line["postings"]] == [
        ("commit", 5, "confirmed"),
        ("release", 2, "confirmed"),
    ]
    commit = await whole.ics.post("/commit/get", commit_id=line["postings"][0]["document_id"])
    held: dict[str, Any] = commit.data["commit"]
    assert (held["quantity"], held["released"], held["order_ref"]) == (5, 2, order.id)
    assert set(found) >= {"shopify_order_id", "order_name", "state", "lines"}
    assert not {"email", "customer", "phone", "shipping_address", "note"} & set(found)


async def test_a_moved_fulfilment_order_moves_the_commit_and_writes_nothing(whole: Whole) -> None:
    await whole.selling({"v-1": 10})
    whole.standin.hooks.habits.held = True
    side = whole.standin.shop.add_location("Side street").id
    there = whole.ics.in_facility("FAC-B")
    await there.post("/adjustment/create", variant_id="v-1", delta=10, reason_code="found")
    whole.channel = await whole.slc.again(whole.channel)
    await whole.ask("facility/bind", **whole.revised, logical_guid="FAC-B", location_id=side)
    await until(lambda: whole.standin.available("SKU-V-1", side) == 10, SECONDS, lambda: str(whole.standin.log[-3:]))
    await whole.synced("v-1")
    order = whole.standin.trade.sell({"SKU-V-1": 3})
    await whole.deliver()
    await whole.settled(order.id, "booked", committed=3)
    await whole.synced("v-1")
    whole.standin.log.clear()

    whole.standin.trade.move(order.id, side)
    await whole.deliver()

    async def moved() -> bool:
        found = await whole.order(order.id)
        postings = found["lines"][0]["postings"] if found else []
        return [each["kind"] for each in postings] == ["commit", "release", "commit"] and (
            {each["state"] for each in postings} == {"confirmed"}
        )

    await until(moved, SECONDS, lambda: str(whole.standin.log[-3:]))
    await whole.settled(order.id, "booked", committed=3)
    found = await whole.order(order.id)
    assert found is not None
    assert [each["logical_guid"] for each in found["lines"][0]["postings"]] == [FACILITY, FACILITY, "FAC-B"]
    await whole.synced("v-1")
    assert whole.standin.writes("inventorySetQuantities") == []
    stocks = [(await each.post("/stock/get", variant_id="v-1")).data["stock"] for each in (whole.ics, there)]
    assert [each["buckets"]["available"] for each in stocks] == [10, 7]
    assert (whole.standin.available("SKU-V-1"), whole.standin.available("SKU-V-1", side)) == (10, 7)
