"""Webhooks about anything but orders: moved fulfilment orders, quantities, products, uninstalls, redactions."""

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.unit import Change, Units
from chassis.work.handle import Work
from chassis.work.queue import Continue
from chassis.work.store import enqueue
from services.slc.audit.store import record
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNELS, channel_answer, status_of
from services.slc.credential.access import ShopAccess
from services.slc.inbound.edits import look_at_product
from services.slc.inbound.levels_rung import look_at_level
from services.slc.inbound.store import DoorbellToAnswer
from services.slc.job.domain import Reason
from services.slc.job.store import ManyVariants, note, note_many
from services.slc.lifecycle.ending import forget_tokens
from services.slc.lifecycle.store import ERASURES
from services.slc.order.store import reconcile_orders
from services.slc.variant.domain import StoredVariant, forgotten
from services.slc.variant.store import (
    STYLE_MAPS,
    map_of_product,
    rows_of_product,
    save_rows,
)
from services.slc.words import SyncError

ROWS_AT_ONCE = 50
"""Variants of a product that one transaction changes."""


async def answer_doorbell(
    units: Units, work: Work[DoorbellToAnswer], access: ShopAccess, channel: StoredChannel
) -> Continue | None:
    """Do what a webhook asks for. Raises `ShopFailed`."""
    rung = work.payload
    match rung.what:
        case "fulfilment_order":
            async with access.counted(work.call, channel) as shop:
                order_id = await shop.orders.order_of(rung.resource_id)

            async def write(change: Change) -> None:
                await reconcile_orders(change, channel.channel_id, [order_id] if order_id else [])

            await units.change(work.call, write)
        case "level":
            return await _level(units, work, channel)
        case "deleted_product":
            while await units.change(work.call, _deleted(rung)) == ROWS_AT_ONCE:
                pass
        case "uninstalled":
            await units.change(work.call, _uninstalled(rung))
        case "redact":
            await units.change(work.call, _redacted(rung))
        case "product":
            if channel.is_open:
                wait = await look_at_product(units, work.call, access, channel, rung.resource_id)
                return Continue(after_seconds=wait) if wait > 0 else None
        case "order" | "privacy":
            pass
    return None


async def _level(units: Units, work: Work[DoorbellToAnswer], channel: StoredChannel) -> Continue | None:
    """Look at a quantity again, until it is explained or old enough to be checked."""

    async def look(change: Change) -> float | None:
        return await look_at_level(change, channel, work.payload)

    wait = await units.change(work.call, look)
    return None if wait is None else Continue(after_seconds=wait)


def _deleted(rung: DoorbellToAnswer) -> Callable[[Change], Awaitable[int]]:
    """Forget maps of a product that was deleted in the shop, some at once; how many. It may be made anew."""

    async def write(change: Change) -> int:
        channel = await change.get(CHANNELS, rung.channel_id)
        if channel is None or not channel.is_open:
            return 0
        # Those that were forgotten lead there no more, so that the next ones are found.
        rows = await rows_of_product(change, channel.channel_id, rung.resource_id, ROWS_AT_ONCE)
        style_map = await map_of_product(change, channel.channel_id, rung.resource_id)
        if style_map is not None:
            await change.delete(STYLE_MAPS, style_map)
        pairs = [(row, _gone(channel, forgotten(row), change.now)) for row in rows]
        await save_rows(change, pairs)
        for row in rows:
            await record(change, channel, "map.forgotten", cause="shop_edit", outcome="recorded", row=row)
        if is_remade(channel):
            kept = [after for _, after in pairs if after.included]
            await note(change, channel, kept, Reason(cause="shop_edit", forced=True))
        return len(rows)

    return write


def is_remade(channel: StoredChannel) -> bool:
    """Whether a deleted product is created anew."""
    return channel.type == "standard" and channel.config.drift_repair


def _gone(channel: StoredChannel, row: StoredVariant, now: Utc) -> StoredVariant:
    if is_remade(channel):
        return row
    error = SyncError(code="no_match", message="the product was deleted in the shop", at_utc=now, attempts=0)
    return replace(row, sync_state="failed", last_error=error)


def _uninstalled(rung: DoorbellToAnswer) -> Callable[[Change], Awaitable[None]]:
    async def write(change: Change) -> None:
        channel = await change.get(CHANNELS, rung.channel_id)
        if channel is None:
            return
        status = await status_of(change, channel.channel_id)
        rotated = status.credentials.rotated_utc
        if not status.credentials.present or (rotated and rung.triggered_utc and rung.triggered_utc < rotated):
            return
        stored = await forget_tokens(change, channel, "the app was uninstalled in the shop")
        answer = await channel_answer(change, stored)
        change.emit(
            "slc.channel.uninstalled", stored.channel_id, revision=stored.revision, channel=answer, by="shopify"
        )

    return write


def _redacted(rung: DoorbellToAnswer) -> Callable[[Change], Awaitable[None]]:
    async def write(change: Change) -> None:
        channel = await change.get(CHANNELS, rung.channel_id)
        if channel is None:
            return
        status = await status_of(change, channel.channel_id)
        if status.credentials.present:
            # Installed again since: the shop that asked to be forgotten is a customer once more.
            return
        if channel.is_open:
            await forget_tokens(change, channel, "the shop asked to be forgotten")
        await note_many(change, "forget", ManyVariants(channel_id=channel.channel_id, scope="forget"))
        await enqueue(change, ERASURES, f"maps/{channel.channel_id}")

    return write
