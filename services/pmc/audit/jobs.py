"""The audit of roll-ups: the products of every channel are counted again, and roll-ups that differ are corrected."""

import asyncio
from collections.abc import Sequence
from itertools import pairwise

from msgspec.structs import replace

from chassis.caller import Call
from chassis.entity import Value
from chassis.errors import DatabaseError
from chassis.gate import Gate
from chassis.jobs.declaration import Jobs, NoParams
from chassis.jobs.orgs import within
from chassis.telemetry.log import get_logger
from chassis.unit import Change, Units, View, Where, between
from services.pmc.audit.recount import PRODUCT_FIELDS, Difference, Recount, corrections
from services.pmc.audit.store import AUDITS, RollupAudit
from services.pmc.product.store import PRODUCTS
from services.pmc.rollup.domain import ChannelSums, Deltas
from services.pmc.rollup.store import CHANNEL_SUMS, apply, channel_rollups, tally_of

jobs = Jobs("pmc")

AUDIT_SECONDS = 3600.0
PRODUCTS_AT_ONCE = 500
"""Products that one query of the recount reads: the embedded engine blocks all other transactions meanwhile."""

PAUSE_SECONDS = 0.005
"""Pause between two such queries. The whole recount of a channel must end within the minute a snapshot may last."""

log = get_logger("services.pmc.audit")


class Audited(Value):
    """Channels that were counted or could not be, and differences that were found and corrected."""

    channels: int = 0
    failed: int = 0
    mismatches: int = 0


class ChannelAudit(Value):
    """A channel's totals as they are stored, and what is missing from its roll-ups and totals."""

    sums: ChannelSums
    differences: list[Difference]
    missing_totals: dict[str, int]

    @property
    def mismatches(self) -> int:
        """Roll-ups and totals that differ."""
        return len(self.differences) + len(self.missing_totals)


@jobs.every(seconds=AUDIT_SECONDS, name="rollup_audit")
async def rollup_audit(units: Units, call: Call, params: NoParams, gate: Gate) -> Audited:
    """Count the products of every channel again, and correct the roll-ups and totals that differ."""
    del params

    async def look(view: View) -> list[ChannelSums]:
        return await view.every_org().find_all(CHANNEL_SUMS, {}, order=("sums_id",))

    found: dict[str, int] = {}
    channels = failed = 0
    for sums in await units.view(call, look):
        if gate.is_closed_for(sums.orgcode):
            continue
        try:
            mismatches = await _audit(units, within(call, sums.orgcode), sums.channel_guid)
        except DatabaseError:
            # One channel must not keep the others from being counted; the next run tries it again.
            log.exception("a channel could not be counted", orgcode=sums.orgcode, channel_guid=sums.channel_guid)
            failed += 1
            continue
        channels += 1
        found[sums.orgcode] = found.get(sums.orgcode, 0) + mismatches
    for orgcode, mismatches in found.items():
        await _keep(units, within(call, orgcode), mismatches)
    return Audited(channels=channels, failed=failed, mismatches=sum(found.values()))


async def _audit(units: Units, call: Call, channel_guid: str) -> int:
    """The number of differences of one channel, after they are corrected."""
    audit = await _recounted(units, call, channel_guid)
    for deltas in corrections(audit.sums, audit.differences, audit.missing_totals):
        await _correct(units, call, deltas)
    if audit.mismatches:
        log.error("roll-ups differed from their products", channel_guid=channel_guid, differences=audit.mismatches)
    return audit.mismatches


async def _recounted(units: Units, call: Call, channel_guid: str) -> ChannelAudit:
    """Products, roll-ups and totals of a channel as of one moment, compared. Index: channel_guid, by_value, id."""
    ranges = await _ranges(units, call, channel_guid)
    recount = Recount(channel_guid)
    async with units.snapshot_reader(call) as reader:
        sums = await tally_of(reader, channel_guid)
        rollups = await channel_rollups(reader, channel_guid)
        for where in ranges:
            async for documents in reader.parts(PRODUCTS, where, fields=PRODUCT_FIELDS, size=2 * PRODUCTS_AT_ONCE):
                for document in documents:
                    recount.add(document)
            await asyncio.sleep(PAUSE_SECONDS)
    return ChannelAudit(
        sums=sums, differences=recount.differences(rollups), missing_totals=recount.missing_totals(sums)
    )


async def _ranges(units: Units, call: Call, channel_guid: str) -> Sequence[Where]:
    """Conditions that divide the products of a channel into ranges of about `PRODUCTS_AT_ONCE`. Index: channel_guid.

    Together they hold every product, whatever is created meanwhile: the first and the last range are open.
    """
    last_ids: list[str] = []
    count = 0
    where: Where = {"channel_guid": channel_guid}
    # Outside a transaction: the result only serves to divide the scan.
    async with units.snapshot_reader(call, moment=False) as reader:
        async for documents in reader.parts(PRODUCTS, where, fields=["product_id"], order=("product_id",)):
            for document in documents:
                count += 1
                if not count % PRODUCTS_AT_ONCE:
                    last_ids.append(document["_id"])
    if not last_ids:
        return [where]
    bounds = [None, *last_ids, None]
    return [
        {"channel_guid": channel_guid, "product_id": between(above=above, at_most=at_most)}
        for above, at_most in pairwise(bounds)
    ]


async def _correct(units: Units, call: Call, deltas: Deltas) -> None:
    async def write(change: Change) -> None:
        await apply(change, deltas)

    await units.change(call, write, emits=())


async def _keep(units: Units, call: Call, mismatches: int) -> None:
    async def write(change: Change) -> None:
        known = await change.get(AUDITS, call.orgcode)
        if known is None:
            audit = RollupAudit(audit_id=call.orgcode, checked_utc=change.now, mismatches=mismatches)
            await change.insert(AUDITS, audit)
        else:
            await change.update(AUDITS, replace(known, checked_utc=change.now, mismatches=mismatches))

    await units.change(call, write, emits=())
