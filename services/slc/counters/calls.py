"""Counting the requests that are sent to shops."""

from collections.abc import Sequence

from chassis.caller import Call
from chassis.unit import Change, Units
from services.slc.counters.store import count
from services.slc.shopify.port import Shop
from services.slc.shopify.words import ShopCall


async def count_calls(change: Change, channel_id: str, calls: Sequence[ShopCall]) -> None:
    """Count requests that were sent to a shop."""
    await count(
        change,
        channel_id,
        latency_ms=[call.seconds * 1000 for call in calls],
        shopify_calls=len(calls),
        shopify_throttled=sum(call.outcome == "throttled" for call in calls),
        shopify_errors=sum(call.outcome == "failed" for call in calls),
        shopify_cost=sum(call.cost or 0.0 for call in calls),
    )


async def count_sent(units: Units, call: Call, channel_id: str, shop: Shop) -> None:
    """Count what was sent with this shop and is not counted yet, in a change of its own."""
    calls = list(shop.calls)
    shop.calls.clear()

    async def write(change: Change) -> None:
        await count_calls(change, channel_id, calls)

    if calls:
        await units.change(call, write)
