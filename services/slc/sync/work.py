"""The workers of sync: content style by style, quantities many variants at a time."""

from collections.abc import Sequence

from chassis.rpc.client import Channels
from chassis.unit import Change, Units
from chassis.work.handle import Work
from chassis.work.queue import Continue, NoPayload, Workers
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNELS
from services.slc.credential.access import ShopAccess
from services.slc.job.domain import DEATHS_MAX, Reason
from services.slc.job.store import LEVELS, SYNC, note
from services.slc.lifecycle.standing import shop_failed
from services.slc.settings import SlcSettings
from services.slc.shopify.errors import ShopFailed
from services.slc.shopify.port import Shop
from services.slc.sync.content import VariantListing
from services.slc.sync.custom import sync_custom
from services.slc.sync.failures import ending_fields
from services.slc.sync.levels_sync import LevelsSync
from services.slc.sync.outcome import Ending, poisoned
from services.slc.sync.plan import Member
from services.slc.sync.recording import EndingRecorder
from services.slc.sync.run import Draft, SyncRun
from services.slc.sync.sources import ASKED_MAX, listings, style_listings
from services.slc.sync.standard import StyleSync
from services.slc.sync.store import TIMED, Timed
from services.slc.sync.taking import Opening, Taken, active_channel, opening, take
from services.slc.variant.domain import StoredVariant
from services.slc.variant.store import VARIANTS

workers = Workers("slc")


@workers.on(SYNC, concurrency=12, org_concurrency=10)
async def sync_style(
    units: Units, work: Work[NoPayload], access: ShopAccess, channels: Channels, settings: SlcSettings
) -> Continue | None:
    """Bring the content of a style in step."""
    channel_id = work.key.partition("/")[0]
    keys = [each.key.removeprefix(f"{channel_id}/") for each in work.parts]
    found = await opening(units, work, channel_id, keys)
    taken = await take(units, work, [row.row_id for row in found.rows], "content", set(keys)) if found else []
    if found is None or not taken:
        return None
    channel = found.channel
    recorder = EndingRecorder(units, work, channel, settings.retry_delays(), "content")
    if await _gave_up(recorder, taken):
        return None
    run: SyncRun | None = None
    try:
        shop = await access.shop(work.call, channel, reserve_percent=_reserve(channel, taken))
        run = await _run(work, channels, found, shop, taken)
        _learn_styles(run)
        for lease, part in run.by_lease():
            if channel.type == "standard":
                await StyleSync(part, units, work, lease).sync()
            else:
                await sync_custom(part)
    except Exception as failure:  # noqa: BLE001  whatever it is, the jobs end with it
        await _failed(units, work, recorder, channel, taken, run, failure)
        return None
    await recorder.store(run.endings, run.shop)
    return None


async def _run(
    work: Work[NoPayload], channels: Channels, found: Opening, shop: Shop, taken: Sequence[Taken]
) -> SyncRun:
    """Everything a run needs to know, read before it decides."""
    listed = await _listings(channels, work, found.channel, found.rows)
    members = {row.variant_id: Member(row=row, listing=listed[row.variant_id]) for row in found.rows}
    for each in taken:
        listing = listed.get(each.row.variant_id, VariantListing(variant_id=each.row.variant_id))
        members[each.row.variant_id] = Member(row=each.row, listing=listing)
    return SyncRun(
        channel=found.channel,
        shop=shop,
        currency=found.currency,
        members=list(members.values()),
        drafts=[Draft(members[each.row.variant_id], each.job) for each in taken],
    )


async def _listings(
    channels: Channels, work: Work[NoPayload], channel: StoredChannel, rows: Sequence[StoredVariant]
) -> dict[str, VariantListing]:
    """What PMC shows of these variants; of a style in one question, unless it is too large for one answer."""
    style_id = next((row.style_id for row in rows if row.style_id), None)
    found: dict[str, VariantListing] = {}
    if style_id is not None and len(rows) <= ASKED_MAX:
        answer = await style_listings(channels, work.call, channel, style_id)
        found = {each.variant_id: each for each in answer}
    missing = [row.variant_id for row in rows if row.variant_id not in found]
    return found | (await listings(channels, work.call, channel, missing) if missing else {})


def _learn_styles(run: SyncRun) -> None:
    """Keep the style of variants that had none; their jobs go on under its lease."""
    for draft in [each for each in run.drafts if each.member.row.style_id is None]:
        content = draft.member.listing.content
        if content is not None:
            fields = {"style_id": content.style_id, "sku": content.sku, "sku_key": content.sku.casefold()}
            run.end(draft, kind="later", fields=fields)


async def _failed(
    units: Units,
    work: Work[NoPayload],
    recorder: EndingRecorder,
    channel: StoredChannel,
    taken: Sequence[Taken],
    run: SyncRun | None,
    failure: Exception,
) -> None:
    """Store how the jobs end that a failure leaves behind."""
    if isinstance(failure, ShopFailed):
        await shop_failed(units, work.call, channel.channel_id, failure)
    fields = ending_fields(failure)
    if run is None:
        await recorder.store([Ending(variant_id=each.row.variant_id, **fields) for each in taken], None)
        return
    ended = {each.variant_id for each in run.endings}
    for draft in [each for each in run.drafts if each.variant_id not in ended]:
        run.end(draft, **fields)
    await recorder.store(run.endings, run.shop)


@workers.on(LEVELS, concurrency=8)
async def sync_levels(
    units: Units, work: Work[NoPayload], access: ShopAccess, channels: Channels, settings: SlcSettings
) -> Continue | None:
    """Bring the quantities of variants in step."""
    channel_id = work.key.partition("/")[0]
    channel = await active_channel(units, work, channel_id)
    if channel is None:
        return None
    taken = await take(units, work, [each.key for each in work.parts], "levels")
    if not taken:
        return None
    delays = settings.retry_delays()
    recorder = EndingRecorder(units, work, channel, delays, "levels")
    if await _gave_up(recorder, taken):
        return None
    sync: LevelsSync | None = None
    shop: Shop | None = None
    try:
        shop = await access.shop(work.call, channel, reserve_percent=_reserve(channel, taken))
        sync = LevelsSync(units, work, channels, channel, shop, delays, taken)
        await sync.sync()
    except Exception as failure:  # noqa: BLE001  whatever it is, the jobs end with it
        if isinstance(failure, ShopFailed):
            await shop_failed(units, work.call, channel_id, failure)
        fields = ending_fields(failure)
        if sync is None:
            await recorder.store([Ending(variant_id=each.row.variant_id, **fields) for each in taken], None)
            return None
        sync.fail_all(**fields)
    await recorder.store(sync.endings, shop)
    return None


async def _gave_up(recorder: EndingRecorder, taken: Sequence[Taken]) -> bool:
    """Give up a job with which one worker after the other has vanished; whether it was one: such a job comes alone."""
    poison = [each for each in taken if each.job.is_poison]
    message = f"{DEATHS_MAX} workers in a row have vanished with it"
    await recorder.store([poisoned(each.row.variant_id, message) for each in poison], None)
    return bool(poison)


def _reserve(channel: StoredChannel, taken: Sequence[Taken]) -> int:
    """Points left to others, in percent: none where something is urgent."""
    urgent = any(each.job.lane == "fast" for each in taken)
    return 0 if urgent else channel.config.reserve_percent


@workers.on(TIMED, concurrency=2)
async def note_timed(units: Units, work: Work[Timed]) -> Continue | None:
    """Have a variant's quantities synced whose time has come."""

    async def write(change: Change) -> None:
        await work.finish(change)
        row = await change.get(VARIANTS, work.payload.row_id)
        channel = await change.get(CHANNELS, row.channel_id) if row is not None else None
        if row is not None and channel is not None and row.included:
            await note(change, channel, [row], Reason(cause="stock", inventory_only=True, lane="fast"))

    await units.change(work.call, write)
    return None
