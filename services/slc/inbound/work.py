"""The workers of what comes in: orders to reconcile, catch-ups, and webhooks about anything but orders."""

from chassis.errors import Refusal
from chassis.rpc.client import Channels
from chassis.unit import Units, View
from chassis.work.handle import Work
from chassis.work.queue import Continue, Workers
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNELS
from services.slc.credential.access import ShopAccess
from services.slc.inbound.catching_up import catch_up_bite
from services.slc.inbound.doorbell import answer_doorbell
from services.slc.inbound.fencing import Fenced
from services.slc.inbound.fulfilling import Fulfiller
from services.slc.inbound.ics import Stock
from services.slc.inbound.reconcile import Reconciler
from services.slc.inbound.store import DOORBELLS_TO_ANSWER, DoorbellToAnswer
from services.slc.lifecycle.standing import concerns_channel, shop_failed
from services.slc.order.store import CATCH_UPS, ORDERS_TO_RECONCILE, CatchUp, OrderToReconcile
from services.slc.shopify.errors import ShopFailed

ASKS_SHOP = frozenset({"product", "fulfilment_order"})
"""What is looked at in the shop, so that it waits while the shop refuses the channel."""

PAUSED_SECONDS = 300.0
"""How soon it is looked whether the shop answers again. Orders do not wait for this: they are caught up on."""

workers = Workers("slc")


def is_working(channel: StoredChannel | None) -> bool:
    """Whether orders of a channel are reconciled now: not while the system has paused it; that is caught up on."""
    if channel is None or not channel.is_open:
        return False
    return channel.pause is None or channel.pause.by == "user"


@workers.on(ORDERS_TO_RECONCILE, concurrency=16)
async def reconcile_order(
    units: Units, work: Work[OrderToReconcile], access: ShopAccess, channels: Channels
) -> Continue | None:
    """Bring ICS to what one order says."""
    asked = work.payload
    channel = await _channel(units, work, asked.channel_id)
    if channel is None or not is_working(channel):
        return None
    run = Fenced(units, work)
    reconciler = Reconciler(run, Stock(channels), channel, asked.shopify_order_id)
    try:
        async with access.counted(work.call, channel) as shop:
            await reconciler.run(shop, lift=asked.before_activation)
            await Fulfiller(run, channel, asked.shopify_order_id, shop).push()
    except ShopFailed as failure:
        await shop_failed(units, work.call, channel.channel_id, failure)
        await reconciler.record.failed(
            "shop_unavailable" if concerns_channel(failure) else "transient", failure.message
        )
        if concerns_channel(failure):
            return None
        raise
    except Refusal as refusal:
        await reconciler.record.failed("transient", refusal.message)
        raise
    return None


@workers.on(CATCH_UPS, concurrency=4)
async def catch_up(units: Units, work: Work[CatchUp], access: ShopAccess) -> Continue | None:
    """Reconcile every order of a channel that changed lately."""
    channel = await _channel(units, work, work.payload.channel_id)
    if channel is None or not is_working(channel):
        return None
    try:
        return await catch_up_bite(units, work, access, channel)
    except ShopFailed as failure:
        await shop_failed(units, work.call, channel.channel_id, failure)
        if concerns_channel(failure):
            return None
        raise


@workers.on(DOORBELLS_TO_ANSWER, concurrency=8)
async def answer(units: Units, work: Work[DoorbellToAnswer], access: ShopAccess) -> Continue | None:
    """Look at what a webhook says has happened in the shop; while the system has paused the channel, later."""
    channel = await _channel(units, work, work.payload.channel_id)
    if channel is None:
        return None
    if work.payload.what in ASKS_SHOP and channel.is_open and not is_working(channel):
        return Continue(after_seconds=PAUSED_SECONDS)
    try:
        return await answer_doorbell(units, work, access, channel)
    except ShopFailed as failure:
        await shop_failed(units, work.call, channel.channel_id, failure)
        if concerns_channel(failure):
            return Continue(after_seconds=PAUSED_SECONDS)
        raise


async def _channel(
    units: Units, work: Work[OrderToReconcile] | Work[CatchUp] | Work[DoorbellToAnswer], channel_id: str
) -> StoredChannel | None:
    async def read(view: View) -> StoredChannel | None:
        return await view.get(CHANNELS, channel_id)

    return await units.view(work.call, read)
