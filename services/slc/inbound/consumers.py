"""Events of ICS that concern orders: stock that oversold orders wait for."""

from chassis.consumer import Consumers, Event
from chassis.entity import Value
from chassis.unit import Change
from chassis.values import Guid
from services.slc.channel.store import org_channels
from services.slc.order.store import oversold_orders, reconcile_orders

consumers = Consumers("slc")

ORDERS_AT_ONCE = 100


class ItemMoved(Value):
    """What is needed of a stock change."""

    logical_guid: Guid
    variant_id: Guid


@consumers.on("ics.stock.changed", name="oversold")
async def retry_oversold(change: Change, event: Event) -> None:
    """Have orders reconciled whose oversold units may be promised now, oldest first."""
    changed = event.body(ItemMoved)
    for channel in await org_channels(change, ("active", "paused")):
        if changed.logical_guid not in {each.logical_guid for each in channel.facilities}:
            continue
        orders = await oversold_orders(change, channel.channel_id, changed.variant_id, ORDERS_AT_ONCE)
        await reconcile_orders(change, channel.channel_id, [each.shopify_order_id for each in orders])
