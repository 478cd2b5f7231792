"""The evaluator: which variants of which channels an event of PMC or ICS concerns. And sync jobs that come back.

Jobs wait in rows, which survive the broker; their dead letters wait in a queue, from which operators replay them.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from chassis.consumer import Consumers, DeadLetter, Event
from chassis.unit import Change
from chassis.work.store import NewWork, enqueue, enqueue_many
from services.slc.channel.domain import StoredChannel
from services.slc.channel.selling import org_sells
from services.slc.channel.store import CHANNELS, org_channels
from services.slc.credential.store import WINDOWS
from services.slc.job.domain import JobLane, Reason
from services.slc.job.store import ManyVariants, note, note_many
from services.slc.order.store import oversold_orders, reconcile_orders
from services.slc.sync.events_read import (
    HoldbackSaved,
    JobMessage,
    NamedVariant,
    PolicySaved,
    ProductChanged,
    SerialUpdated,
    StockChanged,
)
from services.slc.sync.recording import quarantine
from services.slc.sync.store import TIMED, Timed
from services.slc.variant.domain import StoredVariant, row_id_of
from services.slc.variant.store import VARIANTS, rows_in_channels, save_row
from services.slc.words import DELIVERIES_MAX

consumers = Consumers("slc", relevant=org_sells)

ORDERS_AT_ONCE = 100


@consumers.on(
    "pmc.product.#",
    "ics.stock.changed",
    "ics.holdback.saved",
    "ics.stock_policy.saved",
    "ics.serial.updated",
    "ops.maintenance.ended",
    name="evaluator",
    queue="slc-evaluator-queue",
    ordered=False,
    deliveries_max=DELIVERIES_MAX,
)
async def evaluate(change: Change, event: Event) -> None:
    """Have variants synced that an event of PMC or ICS concerns, and orders that wait for stock reconciled.

    After a maintenance window subscriptions and orders are looked after: Shopify drops a subscription whose webhooks
    were refused for four hours.
    """
    match event.type:
        case "ics.stock.changed":
            # First, because it is told by what was seen before whether units were gained.
            await retry_oversold(change, event)
            await evaluate_stock(change, event)
        case "ics.holdback.saved":
            await evaluate_holdback(change, event)
        case "ics.stock_policy.saved":
            await evaluate_policy(change, event)
        case "ics.serial.updated":
            await evaluate_serial(change, event)
        case "ops.maintenance.ended":
            await enqueue(change, WINDOWS, "ended", orgcode="")
        case _:
            await evaluate_product(change, event)


async def evaluate_product(change: Change, event: Event) -> None:
    """Have variants synced whose content or online state changed."""
    if event.type == "pmc.product.blocked":
        return
    body = event.body(ProductChanged)
    if not body.served_changed:
        return
    lane: JobLane = "fast" if body.product.online_state == "offline" else "normal"
    reason = Reason(cause="product", lane=lane, cause_event_id=event.event_id, changed_utc=event.at_utc)
    for channel, row in await _concerned(change, body.product.variant_id):
        if channel.config.pmc_channel_code == body.product.channel_code:
            await note(change, channel, [row], reason)


async def evaluate_stock(change: Change, event: Event) -> None:
    """Have quantities synced that changed at a bound facility; at once where they fell."""
    body = event.body(StockChanged)
    for channel, row in await _concerned(change, body.variant_id):
        if not channel.syncs("inventory") or body.logical_guid not in _facilities(channel):
            continue
        seq, available = row.seen.get(body.logical_guid, (0, None))
        if body.seq <= seq:
            continue
        seen = {**row.seen, body.logical_guid: (body.seq, body.buckets.available)}
        after = replace(row, seen=seen)
        await save_row(change, row, after)
        if available == body.buckets.available:
            continue
        fell = available is None or body.buckets.available < available
        reason = _stock(event, "fast" if fell else "normal")
        await note(change, channel, [after], reason)


async def evaluate_holdback(change: Change, event: Event) -> None:
    """Have quantities synced now, and at the start and end of the holdback."""
    body = event.body(HoldbackSaved).holdback
    for channel, row in await _concerned(change, body.variant_id):
        if body.channel_code not in {None, channel.channel_code} or body.logical_guid not in _facilities(channel):
            continue
        if not channel.syncs("inventory"):
            continue
        await note(change, channel, [row], _stock(event, "fast"))
        times = [each for each in (body.starts_utc, body.ends_utc) if each is not None and each > change.now]
        items = [NewWork(key=f"{row.row_id}/{each}", payload=Timed(row_id=row.row_id), due_utc=each) for each in times]
        await enqueue_many(change, TIMED, items)


async def evaluate_policy(change: Change, event: Event) -> None:
    """Have quantities synced that a policy concerns: of one variant, or of every included one there."""
    scope = event.body(PolicySaved).policy
    if scope.variant_id is not None:
        await _note_variant(change, event, scope.variant_id, scope.logical_guid)
        return
    for channel in await org_channels(change, ("active", "paused")):
        if channel.syncs("inventory") and (scope.logical_guid is None or scope.logical_guid in _facilities(channel)):
            many = ManyVariants(
                channel_id=channel.channel_id, cause="stock", inventory_only=True, changed_utc=event.at_utc
            )
            await note_many(change, "policy", many)


async def evaluate_serial(change: Change, event: Event) -> None:
    """Have quantities synced of a variant of which a unit or lot was blocked, freed or dated."""
    await _note_variant(change, event, event.body(SerialUpdated).serial.variant_id, None)


async def retry_oversold(change: Change, event: Event) -> None:
    """Have orders reconciled whose oversold units may be promised now, oldest first."""
    changed = event.body(StockChanged)
    for channel in await org_channels(change, ("active", "paused")):
        if changed.logical_guid in _facilities(channel) and await _gained(change, channel.channel_id, changed):
            orders = await oversold_orders(change, channel.channel_id, changed.variant_id, ORDERS_AT_ONCE)
            await reconcile_orders(change, channel.channel_id, [each.shopify_order_id for each in orders])


async def _gained(change: Change, channel_id: str, changed: StockChanged) -> bool:
    """Whether a facility has more units than were seen last, as far as that is known."""
    row = await change.get(VARIANTS, row_id_of(channel_id, changed.variant_id))
    _, available = row.seen.get(changed.logical_guid, (0, None)) if row is not None else (0, None)
    return available is None or changed.buckets.available > available


@consumers.on(
    name="sync",
    queue="slc-sync-queue",
    dead_keys=("slc.sync.quarantined",),
    ordered=False,
    prefetch=16,
    deliveries_max=DELIVERIES_MAX,
)
async def take_job(change: Change, event: Event) -> None:
    """Have the variant synced again that a message names."""
    await _bring_back(change, event, "normal")


@consumers.on(
    name="sync-fast",
    queue="slc-sync-queue.fast",
    dead="slc-sync-queue.dead",
    ordered=False,
    prefetch=16,
    deliveries_max=DELIVERIES_MAX,
)
async def take_urgent_job(change: Change, event: Event) -> None:
    """Have the variant synced at once that a message names."""
    await _bring_back(change, event, "fast")


async def _bring_back(change: Change, event: Event, lane: JobLane) -> None:
    """Give the variant of a message a forced job, which lifts failed and quarantined.

    A message that names a variant and says nothing else that can be read quarantines it, which is published, and so
    comes to the dead-letter queue; one that names none becomes a dead letter itself.
    """
    try:
        named: NamedVariant = event.body(JobMessage)
    except DeadLetter as problem:
        named, unreadable = event.body(NamedVariant), problem.message
    else:
        unreadable = ""
    channel = await change.get(CHANNELS, named.channel_id)
    row = await change.get(VARIANTS, row_id_of(named.channel_id, named.variant_id))
    if channel is None or row is None or not row.included:
        if unreadable:
            raise DeadLetter(unreadable)
        return
    if not unreadable:
        reason = Reason(cause="forced", lane=lane, forced=True, cause_event_id=event.event_id)
        await note(change, channel, [row], reason)
    elif not await quarantine(change, channel, row, unreadable):
        raise DeadLetter(unreadable)


async def _note_variant(change: Change, event: Event, variant_id: str, logical_guid: str | None) -> None:
    for channel, row in await _concerned(change, variant_id):
        if channel.syncs("inventory") and (logical_guid is None or logical_guid in _facilities(channel)):
            await note(change, channel, [row], _stock(event, "fast"))


def _stock(event: Event, lane: JobLane) -> Reason:
    return Reason(
        cause="stock", inventory_only=True, lane=lane, cause_event_id=event.event_id, changed_utc=event.at_utc
    )


def _facilities(channel: StoredChannel) -> set[str]:
    return {each.logical_guid for each in channel.facilities}


async def _concerned(change: Change, variant_id: str) -> Iterable[tuple[StoredChannel, StoredVariant]]:
    """The open channels that include a variant, with its row there."""
    rows = await rows_in_channels(change, [variant_id])
    channels = await change.get_many(CHANNELS, [row.channel_id for row in rows])
    return [(channels[row.channel_id], row) for row in rows if channels[row.channel_id].is_open]
