"""The evaluator: which variants of which channels an event of PMC or ICS concerns."""

from collections.abc import Iterable

from msgspec.structs import replace

from chassis.consumer import Consumers, Event
from chassis.unit import Change
from chassis.work.store import NewWork, enqueue_many
from services.slc.channel.domain import StoredChannel
from services.slc.channel.selling import org_sells
from services.slc.channel.store import CHANNELS, org_channels
from services.slc.job.domain import JobLane, Reason
from services.slc.job.store import ManyVariants, note, note_many
from services.slc.sync.events_read import HoldbackSaved, PolicySaved, ProductChanged, SerialUpdated, StockChanged
from services.slc.sync.store import TIMED, Timed
from services.slc.variant.domain import StoredVariant
from services.slc.variant.store import rows_in_channels, save_row

consumers = Consumers("slc", relevant=org_sells)


@consumers.on("pmc.product.#", name="evaluator", ordered=False)
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


@consumers.on("ics.stock.changed", name="evaluator-stock", ordered=False)
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


@consumers.on("ics.holdback.saved", name="evaluator-holdback", ordered=False)
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


@consumers.on("ics.stock_policy.saved", name="evaluator-policy", ordered=False)
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


@consumers.on("ics.serial.updated", name="evaluator-serial", ordered=False)
async def evaluate_serial(change: Change, event: Event) -> None:
    """Have quantities synced of a variant of which a unit or lot was blocked, freed or dated."""
    await _note_variant(change, event, event.body(SerialUpdated).serial.variant_id, None)


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
