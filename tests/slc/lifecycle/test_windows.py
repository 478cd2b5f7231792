"""The end of a maintenance window: Shopify drops a subscription whose webhooks were refused for four hours."""

from typing import Any

from chassis.clock import SystemClock
from chassis.consumer import Event
from chassis.ids import new_id
from chassis.unit import Change
from services.slc.channel.selling import SellingOrgs, org_sells
from services.slc.sync.consumers import evaluate
from tests.slc.counter import Counter
from tests.slc.sync.given import SECONDS
from tests.waiting import until


def ended(call: Any) -> Event:
    """OPS says that a window has ended: an event of no org."""
    now = SystemClock().now()
    return Event(
        event_id=new_id(now),
        type="ops.maintenance.ended",
        subject="window",
        source="ops",
        at_utc=now,
        orgcode="",
        actor="operator",
        revision=1,
        traceparent=None,
        raw=b"{}",
        call=call,
    )


async def test_missing_subscriptions_and_orders_are_made_up_for_when_a_window_ends(counter: Counter) -> None:
    await counter.open()
    await counter.listed("v-1", 5)
    subscriptions = counter.standin.hooks.subscriptions
    topics = {each.topic for each in subscriptions.values()}
    subscriptions.pop(next(iter(subscriptions)))
    order = counter.standin.trade.sell({"v-1": 2}, silent=True)
    event = ended(counter.call)
    assert await org_sells(event, SellingOrgs(counter.units))

    async def consume(change: Change) -> None:
        await evaluate(change, event)

    await counter.units.change(counter.call, consume)

    await until(lambda: {each.topic for each in subscriptions.values()} == topics, SECONDS)
    await counter.settled(order.id, "booked", committed=2)
