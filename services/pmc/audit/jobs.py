"""The audits of the catalogue: by the clock roll-ups are counted again and corrected; by hand all is only compared."""

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from chassis.caller import Call
from chassis.entity import Value
from chassis.errors import DatabaseError
from chassis.gate import Gate
from chassis.jobs.declaration import Jobs, NoParams
from chassis.jobs.orgs import within
from chassis.telemetry.log import get_logger
from chassis.unit import Change, Units, View
from chassis.values import Count, Orgcode
from services.pmc.audit.counting import ChannelAudit, recounted
from services.pmc.audit.indexing import badly_indexed
from services.pmc.audit.orgwide import OrgAudit, audit_org
from services.pmc.audit.recount import Difference, corrections
from services.pmc.audit.store import AUDITS, RollupAudit
from services.pmc.rollup.domain import ChannelSums, Deltas, OrgSums
from services.pmc.rollup.store import CHANNEL_SUMS, ORG_SUMS, add_to_org, apply

jobs = Jobs("pmc")

AUDIT_SECONDS = 3600.0
DIFFERENCES_MAX = 1000

log = get_logger("services.pmc.audit")


class Audited(Value):
    """Channels that were counted or could not be, and differences that were found and corrected."""

    channels: int = 0
    failed: int = 0
    mismatches: int = 0


@jobs.every(seconds=AUDIT_SECONDS, name="rollup_audit")
async def rollup_audit(units: Units, call: Call, params: NoParams, gate: Gate) -> Audited:
    """Count the products of every channel again, and correct the roll-ups and totals that differ."""
    del params
    found: dict[str, int] = {}
    channels = failed = 0
    for orgcode, channel_guid in await _channels(units, call, None):
        if gate.is_closed_for(orgcode):
            continue
        try:
            mismatches = await _correct_channel(units, within(call, orgcode), channel_guid)
        except DatabaseError:
            # One channel must not keep the others from being counted; the next run tries it again.
            log.exception("a channel could not be counted", orgcode=orgcode, channel_guid=channel_guid)
            failed += 1
            continue
        channels += 1
        found[orgcode] = found.get(orgcode, 0) + mismatches
    for orgcode in await _orgs(units, call, None):
        if gate.is_closed_for(orgcode):
            continue
        try:
            found[orgcode] = found.get(orgcode, 0) + await _correct_org(units, within(call, orgcode))
        except DatabaseError:
            log.exception("the totals of an org could not be counted", orgcode=orgcode)
            failed += 1
    for orgcode, mismatches in found.items():
        await _keep(units, within(call, orgcode), mismatches)
    return Audited(channels=channels, failed=failed, mismatches=sum(found.values()))


class AuditCatalogueParams(Value):
    """Which org is audited; None: every one."""

    orgcode: Orgcode | None = None


class CatalogueDifference(Value):
    """A stored value that differs from what the products say.

    what     the roll-up (dimension and value), the total, or the product whose index differs
    counted  the value computed from the products; `kept` the stored one
    """

    orgcode: str
    channel_guid: str | None
    what: str
    counted: str
    kept: str


class CatalogueAudit(Value):
    """How many products were looked at, and what is not as they say (at most `DIFFERENCES_MAX`).

    unsettled   roll-ups of large channels that changed during the count, and so were not compared
    """

    products_checked: Count
    differences: list[CatalogueDifference]
    unsettled: Count = 0


@jobs.by_hand(name="audit-catalogue", params=AuditCatalogueParams)
async def audit_catalogue(units: Units, call: Call, params: AuditCatalogueParams) -> CatalogueAudit:
    """Compare roll-ups, totals and the search index with the products, and report every difference. Changes nothing."""
    products = unsettled = 0
    differences: list[CatalogueDifference] = []
    for orgcode, channel_guid in await _channels(units, call, params.orgcode):
        own = within(call, orgcode)
        audit = await recounted(units, own, channel_guid)
        products += audit.products
        unsettled += audit.unsettled
        differences += _differences_of_channel(orgcode, audit)
        for product in await badly_indexed(units, own, channel_guid):
            differences.append(
                CatalogueDifference(
                    orgcode=orgcode,
                    channel_guid=channel_guid,
                    what=f"index of product {product.product_id}",
                    counted=f"revision {product.shown.rev}",
                    kept=f"revision {product.indexed.rev}",
                )
            )
    for orgcode in await _orgs(units, call, params.orgcode):
        differences += _differences_of_org(orgcode, await audit_org(units, within(call, orgcode)))
    return CatalogueAudit(products_checked=products, differences=differences[:DIFFERENCES_MAX], unsettled=unsettled)


def _differences_of_channel(orgcode: str, audit: ChannelAudit) -> Iterator[CatalogueDifference]:
    guid = audit.sums.channel_guid
    yield from _differences_of_rollups(orgcode, audit.differences)
    for name, missing in audit.missing_totals.items():
        yield _total(orgcode, guid, name, int(getattr(audit.sums, name)), missing)


def _differences_of_org(orgcode: str, audit: OrgAudit) -> Iterator[CatalogueDifference]:
    yield from _differences_of_rollups(orgcode, audit.differences)
    for name, missing in audit.missing_totals.items():
        yield _total(orgcode, None, name, int(getattr(audit.sums, name)), missing)


def _differences_of_rollups(orgcode: str, differences: Sequence[Difference]) -> Iterator[CatalogueDifference]:
    for each in differences:
        yield CatalogueDifference(
            orgcode=orgcode,
            channel_guid=each.key.channel_guid or None,
            what=f"{each.key.dimension} {each.key.value}",
            counted=f"{each.stored_online + each.online} online, {each.stored_offline + each.offline} offline",
            kept=f"{each.stored_online} online, {each.stored_offline} offline",
        )


def _total(orgcode: str, channel_guid: str | None, name: str, kept: int, missing: int) -> CatalogueDifference:
    return CatalogueDifference(
        orgcode=orgcode, channel_guid=channel_guid, what=name, counted=str(kept + missing), kept=str(kept)
    )


async def _channels(units: Units, call: Call, orgcode: str | None) -> list[tuple[str, str]]:
    """The channels that have totals: orgcode and channel_guid."""

    async def look(view: View) -> list[ChannelSums]:
        return await view.every_org().find_all(CHANNEL_SUMS, {}, order=("sums_id",))

    found = await units.view(call, look)
    return [(each.orgcode, each.channel_guid) for each in found if orgcode in {None, each.orgcode}]


async def _orgs(units: Units, call: Call, orgcode: str | None) -> list[str]:
    async def look(view: View) -> list[OrgSums]:
        return await view.every_org().find_all(ORG_SUMS, {}, order=("sums_id",))

    return [each.orgcode for each in await units.view(call, look) if orgcode in {None, each.orgcode}]


async def _correct_channel(units: Units, call: Call, channel_guid: str) -> int:
    """The number of differences of one channel, after they are corrected."""
    audit = await recounted(units, call, channel_guid)
    for deltas in corrections(audit.sums, audit.differences, audit.missing_totals):
        await _correct(units, call, deltas)
    if audit.mismatches:
        log.error("roll-ups differed from their products", channel_guid=channel_guid, differences=audit.mismatches)
    if audit.unsettled:
        log.info("roll-ups changed during the count", channel_guid=channel_guid, unsettled=audit.unsettled)
    return audit.mismatches


async def _correct_org(units: Units, call: Call) -> int:
    """The number of differences of an org's own totals, after they are corrected."""
    audit = await audit_org(units, call)
    for deltas in audit.corrections():
        await _correct(units, call, deltas)
    if audit.missing_totals:
        numbers = dict(audit.missing_totals)
        await units.change(call, lambda change: add_to_org(change, last_run_id=None, **numbers), emits=())
    if audit.mismatches:
        log.error("the totals of an org differed", orgcode=call.orgcode, differences=audit.mismatches)
    return audit.mismatches


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
