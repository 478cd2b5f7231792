"""The audit job: adds up the entries of every item and compares the sums with the stored values. It corrects nothing.

An item, its holders and its counters are read in one snapshot. Entries up to the item's last number never change after
that, so they are read outside it. A bin with a capacity is read in one snapshot with all its items. The progress of an
org is stored after every `ITEMS_AT_ONCE` items; an audit that was cut off goes on from there.
"""

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.clock import Utc
from chassis.entity import Value
from chassis.errors import MaintenanceActive
from chassis.jobs.declaration import Jobs
from chassis.jobs.orgs import within
from chassis.telemetry.log import get_logger
from chassis.unit import Change, Units, View
from services.ics.ledger.audit import DIFFERENCES_MAX, Difference
from services.ics.ledger.audit_bins import CappedBin, bins_of, counted_bins, differences_in
from services.ics.ledger.audit_run import LedgerAudit, begun, ended, progressed
from services.ics.ledger.auditing import replay_all
from services.ics.ledger.balance import Item
from services.ics.ledger.store import AUDITS, ITEMS

jobs = Jobs("ics")

ITEMS_READ_MAX = 500
ITEMS_AT_ONCE = 32
_AFTER_ALL = "~"  # sorts after every character of an id

log = get_logger("services.ics.ledger")


class AuditParams(Value):
    """Which items are audited, and the bins they lie in: of one org, one facility, one variant, or all. `changed`: only
    those changed since the last audit of their org that covered all items and found no difference."""

    orgcode: str | None = None
    logical_guid: str | None = None
    variant_id: str | None = None
    changed: bool = False

    @property
    def partial(self) -> bool:
        """Whether it leaves out items by facility or variant; then no progress is stored."""
        return self.logical_guid is not None or self.variant_id is not None


class AuditAnswer(Value):
    """What was looked at, and what is not as the entries say."""

    items_checked: int
    entries_checked: int
    differences: list[Difference]


@jobs.by_hand(name="audit-ledger", params=AuditParams)
async def audit_ledger(units: Units, call: Call, params: AuditParams) -> AuditAnswer:
    """Replay stock cards against balances and report any difference."""
    call = replace(call, caller=SYSTEM)
    items = entries = 0
    differences: list[Difference] = []
    orgs: set[str] = set()
    orgcode = params.orgcode or await _org_after(units, call, "")
    while orgcode is not None:
        run = await _audit_org(units, within(call, orgcode), orgcode, params)
        items, entries = items + run.items, entries + run.entries
        differences += run.differences
        orgs.add(orgcode)
        orgcode = await _org_after(units, call, orgcode) if params.orgcode is None else None
    if not params.partial and params.orgcode is None:
        # Bins of orgs that have no item.
        rest = [each for each in await counted_bins(units, call, None) if each.orgcode not in orgs]
        differences += await differences_in(units, call, rest)
    return AuditAnswer(items_checked=items, entries_checked=entries, differences=differences[:DIFFERENCES_MAX])


async def _org_after(units: Units, call: Call, orgcode: str) -> str | None:
    """The next org that has an item; None if there is none."""
    found = await units.view(call, _items_after(f"{orgcode}/{_AFTER_ALL}" if orgcode else None, 1))
    return found[0].orgcode if found else None


async def _audit_org(units: Units, call: Call, orgcode: str, params: AuditParams) -> LedgerAudit:
    run = await _begin(units, call, orgcode, params)
    bins: dict[str, CappedBin] = {}
    while True:
        found = await units.view(call, _items_after(run.after or f"{orgcode}/", ITEMS_READ_MAX))
        ours = [item for item in found if item.orgcode == orgcode]
        for start in range(0, len(ours), ITEMS_AT_ONCE):
            several = ours[start : start + ITEMS_AT_ONCE]
            run = await _audit_some(units, call, run, several, params, bins)
            await _save(units, call, run, params)
            log.info("audited some items", orgcode=orgcode, items=run.items, entries=run.entries, after=run.after)
        if len(ours) < ITEMS_READ_MAX:
            break
    rest: list[CappedBin] = []
    if not params.partial and run.since is None:
        rest = [each for each in await counted_bins(units, call, orgcode) if each.bin_id not in bins]
    run = ended(run, await differences_in(units, call, rest), await units.view(call, _now))
    await _save(units, call, run, params)
    return run


async def _audit_some(
    units: Units,
    call: Call,
    run: LedgerAudit,
    items: list[Item],
    params: AuditParams,
    bins: dict[str, CappedBin],
) -> LedgerAudit:
    """The audit after these items and the bins they lie in, of which `bins` were looked at before."""
    meant = [item for item in items if _is_meant(item, params, run)]
    replays = await replay_all(units, call, meant)
    found = [each for replay in replays for each in replay.differences]
    fresh = {each.bin_id: each for item in meant for each in bins_of(item) if each.bin_id not in bins}
    bins |= fresh
    found += await differences_in(units, call, list(fresh.values()))
    return progressed(run, items[-1].item_id, len(replays), sum(replay.seq for replay in replays), found)


def _is_meant(item: Item, params: AuditParams, run: LedgerAudit) -> bool:
    since = run.since
    return (
        params.logical_guid in {None, item.logical_guid}
        and params.variant_id in {None, item.variant_id}
        and (since is None or item.updated_utc >= since)
    )


def _items_after(last: str | None, limit: int) -> Callable[[View], Awaitable[list[Item]]]:
    async def read(view: View) -> list[Item]:
        after = None if last is None else (last,)
        return await view.every_org().find(ITEMS, {}, order=("item_id",), limit=limit, after=after)

    return read


async def _now(view: View) -> Utc:
    return view.now


async def _begin(units: Units, call: Call, orgcode: str, params: AuditParams) -> LedgerAudit:
    async def read(view: View) -> LedgerAudit:
        known = None if params.partial else await view.get(AUDITS, orgcode)
        return begun(known, orgcode, view.now, changed=params.changed)

    return await units.view(call, read)


async def _save(units: Units, call: Call, run: LedgerAudit, params: AuditParams) -> None:
    """Store the progress, unless the audit is partial, found no item, or the org is being vacuumed."""

    async def write(change: Change) -> None:
        known = await change.get(AUDITS, run.audit_id)
        await (change.insert if known is None else change.update)(AUDITS, run)

    if params.partial or run.after is None:
        return
    try:
        await units.change(call, write)
    except MaintenanceActive:
        log.info("the progress of an audit is not stored: the org is closed", orgcode=run.orgcode)
