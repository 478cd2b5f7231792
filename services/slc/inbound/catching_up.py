"""The catch-up: every order that changed lately is reconciled, a page at a time, so a lost webhook costs minutes."""

from typing import Any

from msgspec.structs import replace

from chassis.clock import Utc, later
from chassis.unit import Change, Units, View
from chassis.work.handle import Work
from chassis.work.queue import Continue
from chassis.work.store import is_under_way
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNEL_STATUS, status_of
from services.slc.credential.access import ShopAccess
from services.slc.fulfilment.store import push_shipments
from services.slc.inbound.unseen import explain_unseen
from services.slc.inbound.wanted import moment
from services.slc.order.domain import StoredOrder, order_row_id
from services.slc.order.store import ORDERS, ORDERS_TO_RECONCILE, CatchUp, CaughtUp, reconcile_orders
from services.slc.shopify.order_states import OrderChanged

OVERLAP_SECONDS = 2 * 3600
"""How far before the last full pass a catch-up begins: Shopify's order search lags behind its orders."""

BACK_SECONDS_MAX = 60 * 24 * 3600
WAIT_SECONDS = 0.5

SETTLED = frozenset({"booked", "ignored"})
NO_TALLY = {"orders": 0, "booked": 0, "partial": 0, "oversold": 0, "ignored": 0, "failed": 0}


async def catch_up_bite(
    units: Units, work: Work[CatchUp], access: ShopAccess, channel: StoredChannel
) -> Continue | None:
    """Do one page: find its orders, or see how far they are. Raises `ShopFailed`."""
    so_far: CaughtUp = work.progress or CaughtUp(began_utc=work.call.started_utc)
    if so_far.waiting:
        return await _see(units, work, so_far)
    if not so_far.read_all:
        return await _next_page(units, work, access, channel, so_far)
    if work.payload.batch_id is None and not so_far.transient:
        after = await explain_unseen(units, work.call, channel, so_far.began_utc, so_far.row_id)
        if after is not None:
            await _keep(units, work, replace(so_far, row_id=after))
            return Continue()
    if work.payload.batch_id is None and channel.config.fulfilment_push and not so_far.pushed_all:
        await _push(units, work, channel, so_far)
        return Continue()
    await _end(units, work, channel, so_far)
    return None


async def _next_page(
    units: Units, work: Work[CatchUp], access: ShopAccess, channel: StoredChannel, so_far: CaughtUp
) -> Continue:
    asked, after = work.payload, None
    if asked.order_ids:
        order_ids = list(asked.order_ids)
    else:
        since = await _since(units, work, channel)
        async with access.counted(work.call, channel) as shop:
            found, after = await shop.orders.changed_since(since, so_far.after)
        order_ids = await _unsettled(units, work, channel, found)

    async def write(change: Change) -> None:
        progress = replace(so_far, waiting=tuple(order_ids), after=after, read_all=after is None)
        await work.checkpoint(change, progress)
        lift = asked.before_activation
        await reconcile_orders(change, channel.channel_id, order_ids, before_activation=lift, lane="normal")

    await units.change(work.call, write)
    return Continue(after_seconds=WAIT_SECONDS if order_ids else 0.0)


async def _since(units: Units, work: Work[CatchUp], channel: StoredChannel) -> Utc:
    """From when on orders are looked at: of a channel's first pass, its activation."""
    oldest = later(work.call.started_utc, -BACK_SECONDS_MAX)
    if work.payload.from_utc is not None:
        return work.payload.from_utc

    async def read(view: View) -> Utc:
        status = await status_of(view, channel.channel_id)
        last = status.caught_up_utc or channel.activated_utc or work.call.started_utc
        return max(later(last, -OVERLAP_SECONDS), oldest)

    return await units.view(work.call, read)


async def _unsettled(units: Units, work: Work[CatchUp], channel: StoredChannel, found: list[OrderChanged]) -> list[str]:
    """The orders of a page that changed since they were reconciled, or are not settled."""
    if work.payload.batch_id is not None:
        return [each.id for each in found]

    async def read(view: View) -> list[str]:
        known = await view.get_many(ORDERS, [order_row_id(channel.channel_id, each.id) for each in found])
        return [
            each.id for each in found if not _is_settled(known.get(order_row_id(channel.channel_id, each.id)), each)
        ]

    return await units.view(work.call, read)


def _is_settled(order: StoredOrder | None, found: OrderChanged) -> bool:
    """Whether nothing can have changed since the order was reconciled."""
    if order is None or order.state not in SETTLED or not order.seen_updated:
        return False
    return moment(order.seen_updated) == moment(found.updated_at)


async def _see(units: Units, work: Work[CatchUp], so_far: CaughtUp) -> Continue:
    """See which orders of the page are reconciled; those that fail for now are left to their retries."""
    channel_id = work.payload.channel_id

    async def read(view: View) -> tuple[list[str], list[StoredOrder | None]]:
        left, done = [], []
        orders = await view.get_many(ORDERS, [order_row_id(channel_id, each) for each in so_far.waiting])
        for order_id in so_far.waiting:
            key = order_row_id(channel_id, order_id)
            order = orders.get(key)
            under_way = await is_under_way(view, ORDERS_TO_RECONCILE, key, orgcode=work.orgcode)
            is_stuck = order is not None and order.state == "failed" and _at(order) >= so_far.began_utc
            if under_way and not is_stuck:
                left.append(order_id)
            else:
                done.append(order)
        return left, done

    left, done = await units.view(work.call, read)
    tally = dict(so_far.tally or NO_TALLY)
    for order in done:
        tally["orders"] += 1
        tally[order.state if order else "failed"] += 1
    transient = so_far.transient or any(_is_transient(order) for order in done)
    await _keep(units, work, replace(so_far, waiting=tuple(left), tally=tally, transient=transient))
    return Continue(after_seconds=WAIT_SECONDS if left else 0.0)


def _at(order: StoredOrder) -> Utc:
    return Utc(order.last_error.at_utc) if order.last_error else Utc("")


def _is_transient(order: StoredOrder | None) -> bool:
    error = order.last_error if order else None
    return order is not None and order.state == "failed" and error is not None and error.code != "refused"


async def _keep(units: Units, work: Work[CatchUp], progress: CaughtUp) -> None:
    async def write(change: Change) -> None:
        await work.checkpoint(change, progress)

    await units.change(work.call, write)


async def _push(units: Units, work: Work[CatchUp], channel: StoredChannel, so_far: CaughtUp) -> None:
    """Have the next shipments pushed that the shop is still to be told of."""

    async def write(change: Change) -> None:
        after = await push_shipments(change, channel.channel_id, so_far.shipment_id)
        progress = replace(so_far, shipment_id=after or "", pushed_all=after is None)
        await work.checkpoint(change, progress)

    await units.change(work.call, write)


async def _end(units: Units, work: Work[CatchUp], channel: StoredChannel, so_far: CaughtUp) -> None:
    """Note that the catch-up has ended; one of orders/reconcile publishes its outcome."""
    batch_id = work.payload.batch_id

    async def write(change: Change) -> None:
        await work.finish(change)
        if batch_id is None:
            if not so_far.transient:
                status = await status_of(change, channel.channel_id)
                await change.update(CHANNEL_STATUS, replace(status, caught_up_utc=so_far.began_utc))
            return
        tally: dict[str, Any] = so_far.tally or NO_TALLY
        change.emit(
            "slc.orders.reconciled",
            batch_id,
            revision=channel.revision,
            channel_id=channel.channel_id,
            batch_id=batch_id,
            tally=tally,
        )

    await units.change(work.call, write)
