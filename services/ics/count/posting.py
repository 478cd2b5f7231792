"""Reads and writes of submitting a count (findings to lines) and approving it (lines to ledger entries)."""

from collections.abc import Mapping, Sequence

from chassis.clock import Utc
from chassis.unit import Change, View
from services.ics.bin.domain import admit
from services.ics.bin.store import places_of
from services.ics.count.domain import (
    Count,
    CountFinding,
    CountLine,
    approved,
    compared,
    counted_date,
    numbered,
    submitted,
)
from services.ics.count.plan import CountPlan
from services.ics.count.store import COUNTS, entries_since, note_counted
from services.ics.count.variance import (
    CountDifference,
    Movements,
    expected_at,
    held_buckets,
    movements,
    nobodys,
    post_all,
)
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.store import items_of_many
from services.ics.stock.posting import LedgerPosting


async def compare(
    view: View, count: Count, findings: Sequence[CountFinding], plan: CountPlan | None, now: Utc
) -> Count:
    """Submit the count: compare each finding with the ledger's units at its position at `counted_utc`.

    Raises `InvalidState` if too many entries were recorded since then to compute them.
    """
    facility = count.logical_guid
    variants = dict.fromkeys(finding.target.variant_id for finding in findings)
    items = await items_of_many(view, [(facility, variant_id) for variant_id in variants])
    oldest = {variant_id: _oldest(findings, variant_id) for variant_id in variants}
    changed = [item for item in items.values() if item.recorded_utc > oldest[item.variant_id]]
    entries = await view.together(entries_since(view, item, oldest[item.variant_id]) for item in changed)
    since: dict[str, Movements] = {
        item.variant_id: movements(found, facility) for item, found in zip(changed, entries, strict=True)
    }
    lines = []
    for line, finding in _paired(count, findings):
        item = items[facility, line.variant_id]
        expected = expected_at(item, line.key, finding.counted_utc, since.get(line.variant_id, {}))
        lines.append(compared(line, finding, expected, plan))
    return submitted(count, lines, view.call.caller.actor, now)


def _oldest(findings: Sequence[CountFinding], variant_id: str) -> Utc:
    """The earliest `counted_utc` of the variant's positions."""
    return min(finding.counted_utc for finding in findings if finding.target.variant_id == variant_id)


def _paired(count: Count, findings: Sequence[CountFinding]) -> list[tuple[CountLine, CountFinding]]:
    """Each finding with its line. Added positions get the next free line numbers."""
    lines = {line.line_no: line for line in count.lines}
    added = [finding for finding in findings if finding.line_no is None]
    last = max(lines)
    pairs = [(lines[finding.line_no], finding) for finding in findings if finding.line_no is not None]
    for line, finding in zip(numbered([finding.target for finding in added]), added, strict=True):
        pairs.append((_moved_up(line, last), finding))
    return pairs


def _moved_up(line: CountLine, by: int) -> CountLine:
    return CountLine(
        line_no=line.line_no + by,
        variant_id=line.variant_id,
        zone_id=line.zone_id,
        bin_id=line.bin_id,
        lot_code=line.lot_code,
    )


async def approve(change: Change, p: LedgerPosting, count: Count, note: str | None = None) -> Count:
    """Approve the count, post all its variances, and store it.

    Raises `InsufficientStock`, posting nothing, if a shortage exceeds the units that may be taken at its position;
    `InvalidState` if a surplus lies in an inactive place.
    """
    off = [line for line in count.lines if line.difference]
    items = await _open(change, p, off)
    post_all(p, await _differences(change, count.logical_guid, items, off))
    count = approved(count, p.entries, change.call.caller.actor, change.now, note)
    if count.plan_id is not None:
        await note_counted(change, count.plan_id, counted_date(count))
    return await change.update(COUNTS, count, note)


async def _open(change: Change, p: LedgerPosting, off: Sequence[CountLine]) -> Mapping[str, OpenItem]:
    """Open the items of these lines for posting, with every holder that may lose units."""
    codes: dict[str, set[str]] = {}
    for line in off:
        codes.setdefault(line.variant_id, set()).update({line.lot_code} if line.lot_code else ())
    items = await p.open_many(codes, codes)
    short = {variant_id: [line for line in off if line.variant_id == variant_id] for variant_id in items}
    await change.together(
        p.take_up_holders(item, held_buckets(item, [line.key for line in short[variant_id]]))
        for variant_id, item in items.items()
        if _somebody_loses(item, short[variant_id])
    )
    return items


def _somebody_loses(item: OpenItem, lines: Sequence[CountLine]) -> bool:
    """Whether posting these lines may change units of holders."""
    # With a shortfall any loss counts: surplus units of other lines then go to holders waiting for stock.
    losses = [line for line in lines if line.difference < 0]
    return any(item.shortfall or nobodys(item, line.key) < -line.difference for line in losses)


async def _differences(
    change: Change, facility: str, items: Mapping[str, OpenItem], off: Sequence[CountLine]
) -> list[CountDifference]:
    """The differences to post. Surplus units are put at the line's place, which must be active."""
    surplus = [line for line in off if line.difference > 0]
    named = [(line.zone_id, line.bin_id, f"lines.{line.line_no}.") for line in surplus]
    found = await places_of(change, facility, named)
    places = {line.line_no: admit(place).landing() for line, place in zip(surplus, found, strict=True)}
    return [
        CountDifference(items[line.variant_id], line.key, line.difference, line.line_no, places.get(line.line_no))
        for line in off
    ]
