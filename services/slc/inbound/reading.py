"""Reading one order from its shop, and what SLC holds of it."""

from chassis.entity import Value
from chassis.unit import View
from services.slc.channel.domain import StoredChannel
from services.slc.inbound.fencing import Fenced
from services.slc.inbound.wanted import ShownOrder
from services.slc.order.domain import Posting, StoredLine, StoredOrder, order_row_id
from services.slc.order.store import ORDERS, postings_of, postings_of_line
from services.slc.shopify.port import Shop
from services.slc.variant.domain import StoredVariant
from services.slc.variant.store import rows_of_shopify


class Booking(Value):
    """One order of one channel that is being reconciled."""

    channel: StoredChannel
    order_id: str


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


async def recorded(run: Fenced, booking: Booking, shown: ShownOrder | None) -> Recorded:
    """The record of an order, its postings, and the variants of its lines."""
    gids = [line.variant_id for line in shown.order.lines if line.variant_id] if shown else []
    channel_id = booking.channel.channel_id

    async def read(view: View) -> Recorded:
        order = await view.get(ORDERS, order_row_id(channel_id, booking.order_id))
        postings = await postings_of(view, channel_id, booking.order_id)
        rows = await rows_of_shopify(view, channel_id, gids)
        return Recorded(order=order, postings=tuple(postings), rows=rows)

    return await run.view(read)


async def recorded_line(run: Fenced, booking: Booking, line_id: str) -> tuple[StoredLine | None, list[Posting]]:
    """One line of an order, if it is recorded, and its postings."""
    channel_id = booking.channel.channel_id

    async def read(view: View) -> tuple[StoredLine | None, list[Posting]]:
        order = await view.get(ORDERS, order_row_id(channel_id, booking.order_id))
        postings = await postings_of_line(view, channel_id, booking.order_id, line_id)
        return line_of(order, line_id), postings

    return await run.view(read)


def line_of(order: StoredOrder | None, line_id: str) -> StoredLine | None:
    """The line of an order, if there is one."""
    return next((line for line in order.lines if line.line_id == line_id), None) if order else None
