"""The audit of roll-ups: every org's channels are counted anew from their products, differences corrected and told."""

from msgspec.structs import replace

from chassis.caller import Call
from chassis.entity import Value
from chassis.gate import Gate
from chassis.jobs.declaration import Jobs, NoParams
from chassis.jobs.orgs import within
from chassis.telemetry.log import get_logger
from chassis.unit import Change, Units, View
from services.pmc.build.audit import Recount, differences, recount
from services.pmc.build.store import AUDITS, RollupAudit
from services.pmc.product.store import channel_products
from services.pmc.rollup.domain import ChannelSums, RollupKey
from services.pmc.rollup.store import CHANNEL_SUMS, ROLLUPS, channel_rollups, rollup_id

jobs = Jobs("pmc")

AUDIT_SECONDS = 3600.0
PRODUCTS_MAX = 20_000
"""Products of a channel that a turn counts; larger channels are left to an audit by hand."""

log = get_logger("services.pmc.build")


class Audited(Value):
    """Channels that were counted, and differences that were found and corrected."""

    channels: int = 0
    mismatches: int = 0


@jobs.every(seconds=AUDIT_SECONDS, name="rollup_audit")
async def rollup_audit(units: Units, call: Call, params: NoParams, gate: Gate) -> Audited:
    """Count the roll-ups of every channel anew, and correct what differs."""
    del params

    async def look(view: View) -> list[ChannelSums]:
        return await view.every_org().find_all(CHANNEL_SUMS, {}, order=("sums_id",))

    found: dict[str, int] = {}
    channels = 0
    for sums in await units.view(call, look):
        if gate.is_closed_for(sums.orgcode) or sums.products > PRODUCTS_MAX:
            continue
        channels += 1
        wrong = await _audit(units, within(call, sums.orgcode), sums)
        found[sums.orgcode] = found.get(sums.orgcode, 0) + wrong
    for orgcode, mismatches in found.items():
        await _keep(units, within(call, orgcode), mismatches)
    return Audited(channels=channels, mismatches=sum(found.values()))


async def _audit(units: Units, call: Call, sums: ChannelSums) -> int:
    """The differences of one channel, corrected."""

    async def correct(change: Change) -> int:
        current = await change.load(CHANNEL_SUMS, sums.sums_id)
        rollups = await channel_rollups(change, sums.channel_guid)
        counted = recount(await channel_products(change, sums.channel_guid, PRODUCTS_MAX), sums.channel_guid)
        wrong = differences(counted, rollups, current)
        if wrong:
            await _correct(change, current, counted)
        return wrong

    wrong = await units.change(call, correct, emits=())
    if wrong:
        log.error("roll-ups differed from their products", channel_guid=sums.channel_guid, differences=wrong)
    return wrong


async def _correct(change: Change, sums: ChannelSums, counted: Recount) -> None:
    for rollup in await channel_rollups(change, sums.channel_guid):
        key = RollupKey(channel_guid=rollup.channel_guid, dimension=rollup.dimension, value=rollup.value)
        online, offline = counted.rollups.get(key, (0, 0))
        if (rollup.online, rollup.offline) != (online, offline):
            assert rollup.rollup_id == rollup_id(change.call.orgcode, key)
            await change.update(ROLLUPS, replace(rollup, online=online, offline=offline))
    totals = {
        "products": counted.products,
        "online": counted.online,
        "publishable": counted.publishable,
        "pinned": counted.pinned,
    }
    await change.update(CHANNEL_SUMS, replace(sums, **totals))


async def _keep(units: Units, call: Call, mismatches: int) -> None:
    async def write(change: Change) -> None:
        known = await change.get(AUDITS, call.orgcode)
        audit = RollupAudit(audit_id=call.orgcode, checked_utc=change.now, mismatches=mismatches)
        if known is None:
            await change.insert(AUDITS, audit)
        else:
            await change.update(AUDITS, replace(audit, orgcode=known.orgcode))

    await units.change(call, write, emits=())
