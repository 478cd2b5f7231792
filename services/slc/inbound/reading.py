"""Reading one order from its shop, and what SLC holds of it."""

from chassis.caller import Call
from chassis.entity import Value
from chassis.unit import Units, View
from services.slc.channel.domain import StoredChannel
from services.slc.inbound.wanted import ShownOrder
from services.slc.order.domain import Posting, StoredOrder, order_row_id
from services.slc.order.store import ORDERS, postings_of
from services.slc.shopify.port import Shop
from services.slc.variant.domain import StoredVariant
from services.slc.variant.store import rows_of_shopify


class Recorded(Value):
    """What SLC holds of an order; `rows` by Shopify variant."""

    order: StoredOrder | None
    postings: tuple[Posting, ...]
    rows: dict[str, StoredVariant]


async def read_order(shop: Shop, order_id: str) -> ShownOrder | None:
    """An order with fulfilment orders and refunds; None if the shop does not show it. Raises `ShopFailed`."""
    order = await shop.orders.order(order_id)
    if order is None:
        return None
    placement = await shop.orders.placement(order_id)
    refunds = [await shop.orders.refund(refund_id) for refund_id in order.refund_ids]
    return ShownOrder(
        order=order,
        placement=tuple(placement),
        refunds=tuple(refund for refund in refunds if refund is not None),
    )


async def recorded(
    units: Units, call: Call, channel: StoredChannel, order_id: str, shown: ShownOrder | None
) -> Recorded:
    """The record of an order, its postings, and the variants of its lines."""
    gids = [line.variant_id for line in shown.order.lines if line.variant_id] if shown else []

    async def read(view: View) -> Recorded:
        order = await view.get(ORDERS, order_row_id(channel.channel_id, order_id))
        postings = await postings_of(view, channel.channel_id, order_id)
        rows = await rows_of_shopify(view, channel.channel_id, gids)
        return Recorded(order=order, postings=tuple(postings), rows=rows)

    return await units.view(call, read)
