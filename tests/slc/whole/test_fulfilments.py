"""Shipments in ICS become fulfilments in the shop, once each."""

from typing import Any

from tests.shop.faults import Fault
from tests.shop.model import Fulfilment, Order
from tests.slc.sync.given import SECONDS
from tests.slc.whole.given import Whole
from tests.waiting import until


async def sold(whole: Whole, units: int, **config: Any) -> tuple[Order, str]:
    """An order of the given number of units that ICS holds as one commit: the order and the commit."""
    await whole.selling({"v-1": 10}, **{"fulfilment_push": True, **config})
    order = whole.standin.trade.sell({"SKU-V-1": units})
    await whole.deliver()
    found = await whole.settled(order.id, "booked", committed=units)
    return order, found["lines"][0]["postings"][0]["document_id"]


async def ship(whole: Whole, commit_id: str, revision: int, units: int, **tracking: str) -> None:
    """Units leave for the customer."""
    named = {"commit_id": commit_id, "expected_revision": revision, "quantity": units, "from_stage": "open"}
    answer = await whole.ics.post("/ship/record", **named, **tracking)
    assert answer.status == 200, answer


async def fulfilled(whole: Whole, order: Order, units: int) -> None:
    """Wait until the record of the order says that so many units are fulfilled."""

    async def there() -> bool:
        found = await whole.order(order.id)
        return found is not None and bool(found["lines"][0]["fulfilled"] == units)

    await until(there, SECONDS, lambda: str(whole.standin.log[-5:]))


async def outcomes(whole: Whole) -> list[str]:
    """The outcomes of what was audited about fulfilments, oldest first."""
    answer = await whole.slc.ask("audit/variant-history", variant_id="v-1")
    return [each["outcome"] for each in reversed(answer.data["items"]) if each["kind"] == "order.fulfilled"]


def shown(made: Fulfilment) -> tuple[int, str | None, str | None]:
    """Units, carrier and reference of a fulfilment."""
    return sum(units for _, units in made.lines), made.company, made.number


async def test_each_shipment_becomes_one_fulfilment_with_its_tracking(whole: Whole) -> None:
    order, commit_id = await sold(whole, 3)
    await ship(whole, commit_id, 1, 2, carrier="Cart", tracking_ref="T-1")
    await fulfilled(whole, order, 2)
    await ship(whole, commit_id, 2, 1)
    await fulfilled(whole, order, 3)

    assert [shown(each) for each in order.fulfilments] == [(2, "Cart", "T-1"), (1, None, None)]
    assert await outcomes(whole) == ["done", "done"]
    assert (await whole.totals())["units_fulfilled"] == 3
    assert whole.standin.available("SKU-V-1") == 7


async def test_a_lost_answer_makes_no_second_fulfilment(whole: Whole) -> None:
    order, commit_id = await sold(whole, 2)
    whole.standin.faults.add(Fault(field="fulfillmentCreate", lost=True, times=1))
    await ship(whole, commit_id, 1, 2, tracking_ref="T-2")
    await fulfilled(whole, order, 2)

    assert [shown(each) for each in order.fulfilments] == [(2, None, "T-2")]
    await whole.settled(order.id, "booked", fulfilled=2)


async def test_units_fulfilled_by_hand_are_not_fulfilled_again(whole: Whole) -> None:
    order, commit_id = await sold(whole, 3)
    placed = order.placements[0]
    given = {"fulfillmentOrderId": placed.id, "fulfillmentOrderLineItems": [{"id": placed.lines[0].id, "quantity": 2}]}
    whole.standin.trade.fulfil({"lineItemsByFulfillmentOrder": [given]})
    await ship(whole, commit_id, 1, 3)
    await fulfilled(whole, order, 1)

    assert [shown(each)[0] for each in order.fulfilments] == [2, 1]
    assert await outcomes(whole) == ["recorded", "done"]


async def test_units_on_hold_are_refused_and_tried_again(whole: Whole) -> None:
    order, commit_id = await sold(whole, 2)
    order.placements[0].status = "ON_HOLD"
    await ship(whole, commit_id, 1, 2)

    async def refused() -> bool:
        return await outcomes(whole) == ["refused"]

    await until(refused, SECONDS)
    assert order.fulfilments == []
    order.placements[0].status = "OPEN"
    await whole.slc.ask("orders/reconcile", **whole.ids, shopify_order_ids=[order.id])
    await fulfilled(whole, order, 2)
    assert await outcomes(whole) == ["refused", "done"]


async def test_a_pause_keeps_shipments_until_the_channel_resumes(whole: Whole) -> None:
    order, commit_id = await sold(whole, 2)
    whole.channel = await whole.slc.again(whole.channel)
    await whole.ask("channel/pause", **whole.revised)
    whole.standin.log.clear()
    await ship(whole, commit_id, 1, 2)
    await until(lambda: any("order" in each.fields for each in whole.standin.log), SECONDS)
    assert order.fulfilments == []

    await whole.ask("channel/resume", **whole.revised)
    await fulfilled(whole, order, 2)
    assert [shown(each)[0] for each in order.fulfilments] == [2]
