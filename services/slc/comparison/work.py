"""Comparing a channel with its shop, a page of variants at a time."""

import asyncio

from msgspec.structs import replace

from chassis.clock import Utc, seconds_between
from chassis.errors import Refusal
from chassis.rpc.client import Channels
from chassis.unit import Change, Units, View
from chassis.work.handle import Work
from chassis.work.queue import Continue, Workers
from services.slc.audit.domain import FieldChange
from services.slc.audit.store import record
from services.slc.channel.domain import StoredChannel
from services.slc.channel.store import CHANNEL_STATUS, CHANNELS, status_of
from services.slc.comparison.comparing import Difference, differences
from services.slc.comparison.gauges import DriftGauges
from services.slc.comparison.reading import DriftPage, PageReader, StoredPage, is_compared, stored_page
from services.slc.comparison.store import CHANNELS_TO_COMPARE, DriftAsked, DriftPassed
from services.slc.counters.calls import count_sent
from services.slc.counters.store import count
from services.slc.credential.access import ShopAccess
from services.slc.drift.domain import Action, Compared, DriftItem, finished, new_report, with_page
from services.slc.drift.store import DRIFT_REPORTS
from services.slc.job.domain import Reason
from services.slc.job.store import JOBS, note
from services.slc.lifecycle.standing import concerns_channel, shop_failed
from services.slc.order.store import catch_up
from services.slc.shopify.errors import ShopFailed, ShopThrottled
from services.slc.sync.fields import OtherCurrency
from services.slc.variant.domain import StoredVariant, forgotten
from services.slc.variant.store import VARIANTS, save_rows

CATCH_UP_POLL_SECONDS = 0.5
CATCH_UP_SECONDS_MAX = 900.0
"""How long orders are waited for: without them a sale would pass for a drift of quantities."""

SETTLE_SECONDS = 1.0
"""How long differences rest before they are believed: a change of a moment ago may be on its way."""

PAGE_TRIES_MAX = 5
"""Failed attempts after which the variants of a page count as errors and the next page follows."""

workers = Workers("slc")


@workers.on(CHANNELS_TO_COMPARE, concurrency=2, org_concurrency=1)
async def compare_channel(
    units: Units, work: Work[DriftAsked], access: ShopAccess, channels: Channels, gauges: DriftGauges
) -> Continue | None:
    """Compare the variants of a channel with what its shop shows."""
    passed: DriftPassed = work.progress or DriftPassed(
        began_utc=work.call.started_utc, report_id=work.payload.report_id
    )

    async def read(view: View) -> StoredChannel | None:
        channel = await view.get(CHANNELS, work.payload.channel_id)
        return channel if channel is not None and channel.state == "active" else None

    channel = await units.view(work.call, read)
    comparison = Comparison(units, work, passed, gauges)
    if channel is None:
        await comparison.end(None)
        return None
    if not passed.caught_up:
        return await comparison.catch_up(channel)
    stored = await units.view(work.call, lambda view: stored_page(view, channel, passed.row_id))
    try:
        page = await comparison.read(stored, channel, access, channels) if stored.rows else None
    except ShopThrottled as failure:
        return Continue(after_seconds=failure.wait_seconds)
    except ShopFailed as failure:
        await shop_failed(units, work.call, channel.channel_id, failure)
        if concerns_channel(failure):
            return Continue()
        if work.attempts < PAGE_TRIES_MAX:
            raise
        return await comparison.skip(stored, channel)
    except Refusal:
        if work.attempts < PAGE_TRIES_MAX:
            raise
        return await comparison.skip(stored, channel)
    return await comparison.keep(stored, page, channel)


class Comparison:
    """One bite of the comparison of a channel."""

    def __init__(self, units: Units, work: Work[DriftAsked], passed: DriftPassed, gauges: DriftGauges) -> None:
        self._units = units
        self._work = work
        self._passed = passed
        self._gauges = gauges

    async def catch_up(self, channel: StoredChannel) -> Continue:
        """Have the orders of the shop caught up first, and wait for that."""
        asked = self._work.progress is not None

        async def write(change: Change) -> bool:
            status = await status_of(change, channel.channel_id)
            done = status.caught_up_utc is not None and status.caught_up_utc >= self._passed.began_utc
            late = seconds_between(Utc(self._passed.began_utc), change.now) > CATCH_UP_SECONDS_MAX
            await self._work.checkpoint(change, replace(self._passed, caught_up=done or late))
            if not asked and not done:
                await catch_up(change, channel.channel_id)
            return done or late

        ready = await self._units.change(self._work.call, write)
        return Continue(after_seconds=0.0 if ready else CATCH_UP_POLL_SECONDS)

    async def read(
        self, stored: StoredPage, channel: StoredChannel, access: ShopAccess, channels: Channels
    ) -> DriftPage:
        """Everything the page's variants are compared by. Raises `ShopFailed`, `Refusal`."""
        reserve = channel.config.reserve_percent
        shop = await access.shop(self._work.call, channel, reserve_percent=reserve)
        try:
            return await PageReader(self._units, self._work.call, channels, channel, shop).read(stored)
        finally:
            await count_sent(self._units, self._work.call, channel.channel_id, shop)

    async def keep(self, stored: StoredPage, page: DriftPage | None, channel: StoredChannel) -> Continue | None:
        """Store what a page has shown, and go on to the next."""
        found, errors = _compared(channel, page) if page is not None else ({}, 0)
        if found:
            await asyncio.sleep(SETTLE_SECONDS)
        in_sync = len(stored.rows) - len(found) - errors
        known = {row.row_id: row for row in stored.rows}

        async def write(change: Change) -> Compared:
            await self._checkpoint(change, stored)
            now = await change.get_many(VARIANTS, list(found))
            jobs = await change.get_many(JOBS, list(found))
            sure = [
                row
                for row_id, row in now.items()
                if is_compared(row, jobs.get(row_id)) and _unmoved(known[row_id], row)
            ]
            items = await self._act(change, channel, sure, found)
            missing = sum(_is_gone(found[row.row_id]) for row in sure)
            part = Compared(
                in_sync=in_sync,
                drifted=len(sure) - missing,
                missing=missing,
                errors=errors,
                items=tuple(items),
            )
            await self._report(change, part)
            await count(change, channel.channel_id, drift_found=len(sure))
            return part

        self._gauges.count(await self._units.change(self._work.call, write))
        return await self._next(stored, channel)

    async def skip(self, stored: StoredPage, channel: StoredChannel) -> Continue | None:
        """The page could not be read, however often it was tried."""
        part = Compared(errors=len(stored.rows))

        async def write(change: Change) -> None:
            await self._checkpoint(change, stored)
            await self._report(change, part)

        await self._units.change(self._work.call, write)
        self._gauges.count(part)
        return await self._next(stored, channel)

    async def end(self, channel: StoredChannel | None) -> None:
        """Finish the report; it is published where it found something. None: the channel is not active any more."""

        async def write(change: Change) -> None:
            await self._work.finish(change)
            report = await change.get(DRIFT_REPORTS, self._passed.report_id)
            if report is None:
                return
            report = await change.update(DRIFT_REPORTS, finished(report, change.now))
            status = await change.get(CHANNEL_STATUS, report.channel_id)
            if status is not None:
                await change.update(CHANNEL_STATUS, replace(status, last_drift=report.summary))
            if channel is not None and report.summary.drifted + report.summary.missing:
                change.emit(
                    "slc.drift.detected",
                    channel.channel_id,
                    revision=channel.revision,
                    channel_id=channel.channel_id,
                    summary=report.summary,
                    by_field=report.by_field,
                )

        await self._units.change(self._work.call, write)
        self._gauges.finished()

    async def _next(self, stored: StoredPage, channel: StoredChannel) -> Continue | None:
        if stored.passed is not None:
            return Continue()
        await self.end(channel)
        return None

    async def _checkpoint(self, change: Change, stored: StoredPage) -> None:
        row_id = stored.passed or self._passed.row_id
        await self._work.checkpoint(change, replace(self._passed, row_id=row_id))

    async def _report(self, change: Change, part: Compared) -> None:
        """Add a page to the report."""
        asked = self._work.payload
        known = await change.get(DRIFT_REPORTS, self._passed.report_id)
        if known is None:
            begun = Utc(self._passed.began_utc)
            report = new_report(self._passed.report_id, asked.channel_id, asked.trigger, begun)
            await change.insert(DRIFT_REPORTS, with_page(report, part))
        else:
            await change.update(DRIFT_REPORTS, with_page(known, part))

    async def _act(
        self,
        change: Change,
        channel: StoredChannel,
        rows: list[StoredVariant],
        found: dict[str, list[Difference]],
    ) -> list[DriftItem]:
        """Audit what differs, forget the maps of what is gone, and have put right what is to be put right."""
        items: list[DriftItem] = []
        again: list[StoredVariant] = []
        for row in rows:
            gone = _is_gone(found[row.row_id])
            action: Action = "forgotten" if gone else "enqueued" if channel.config.drift_repair else "reported"
            items += [_item(row, each, action) for each in found[row.row_id]]
            changes = [
                FieldChange(field=each.field, location_id=each.location_id, before=each.actual, after=each.expected)
                for each in found[row.row_id]
            ]
            fields = {"cause": "drift", "outcome": "recorded", "row": row}
            await record(change, channel, "drift.found", changes=changes, **fields)  # type: ignore[arg-type]
            if gone:
                bare = forgotten(row)
                await save_rows(change, [(row, bare)])
                await record(change, channel, "map.forgotten", **fields)  # type: ignore[arg-type]
                again.append(bare)
            elif channel.config.drift_repair:
                again.append(row)
        reason = Reason(cause="drift", lane="fast", forced=True, report_id=self._passed.report_id)
        await note(change, channel, again, reason)
        return items


def _compared(channel: StoredChannel, page: DriftPage) -> tuple[dict[str, list[Difference]], int]:
    """Row -> what differs, of those where something does; and how many could not be compared."""
    found: dict[str, list[Difference]] = {}
    errors = 0
    for subject in page.subjects:
        try:
            differs = differences(channel, subject, page.stored.currency, page.units, page.stored.caught_up_utc)
        except OtherCurrency:
            errors += 1
            continue
        if differs:
            found[subject.member.row.row_id] = differs
    return found, errors


def _is_gone(differs: list[Difference]) -> bool:
    return any(each.field == "variant" for each in differs)


def _unmoved(before: StoredVariant, row: StoredVariant) -> bool:
    """Whether nothing of the variant has changed since it was read."""
    names = ("shopify_variant_id", "pushed", "answered", "levels", "seen", "sync_state")
    return all(getattr(before, name) == getattr(row, name) for name in names)


def _item(row: StoredVariant, each: Difference, action: Action) -> DriftItem:
    return DriftItem(
        variant_id=row.variant_id,
        sku=row.sku,
        shopify_variant_id=row.shopify_variant_id,
        field=each.field,
        location_id=each.location_id,
        expected=each.expected,
        actual=each.actual,
        action=action,
    )
