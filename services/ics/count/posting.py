"""Reads and writes of submitting a count (findings to lines) and approving it (lines to ledger entries)."""

from collections.abc import Mapping, Sequence

from chassis.clock import Utc
from chassis.errors import InvalidState, invalid_field
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
from services.ics.count.named import SERIALS_MAX, expected_serials
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
from services.ics.ledger.balance import Item, Landing
from services.ics.ledger.draw import Pin
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.naming import ANYONE, NamedUnit
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.store import items_of_many
from services.ics.serial.domain import COMES_IN_FROM, Dates, SerialUnit, serial_key
from services.ics.serial.store import SERIALS, units_at
from services.ics.stock.posting import LedgerPosting
from services.ics.stock.serial_rules import ON_HAND_STATUSES
from services.ics.words import of_line


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
    later = {item.variant_id: found for item, found in zip(changed, entries, strict=True)}
    since: dict[str, Movements] = {variant_id: movements(found, facility) for variant_id, found in later.items()}
    pairs = _paired(count, findings)
    serials = await view.together(
        _serials_at(view, items[facility, line.variant_id], line, finding, later.get(line.variant_id, ()))
        for line, finding in pairs
    )
    lines = []
    for (line, finding), named in zip(pairs, serials, strict=True):
        item = items[facility, line.variant_id]
        expected = expected_at(item, line.key, finding.counted_utc, since.get(line.variant_id, {}))
        lines.append(compared(line, finding, expected, named, plan))
    places = {id(finding): number for number, finding in enumerate(findings)}
    await check_found(view, lines, {line.line_no: f"lines.{places[id(finding)]}.serials" for line, finding in pairs})
    return submitted(count, lines, view.call.caller.actor, now)


async def _serials_at(
    view: View, item: Item, line: CountLine, finding: CountFinding, since: Sequence[StockCardEntry]
) -> set[str]:
    """The serials expected at a position when it was counted; none unless the counter named serials."""
    if finding.serials is None or not item.serialised:
        return set()
    units = await units_at(view, item.logical_guid, item.variant_id, line.key)
    here = [unit.serial_no for unit in units if unit.serial_no is not None]
    return expected_serials(here, since, item.logical_guid, line.key, finding.counted_utc)


async def check_found(view: View, lines: Sequence[CountLine], paths: Mapping[int, str]) -> None:
    """Raises `InvalidState` if a serial found is in stock elsewhere or too many are found and missing; `Invalid` if one
    is of another lot. `paths`: line number -> the field of the request with its serials."""
    if sum(len(line.serials_found) + len(line.serials_missing) for line in lines) > SERIALS_MAX:
        message = f"more than {SERIALS_MAX} serials are found and missing; count fewer positions at once"
        raise InvalidState(message, status="scattered")
    keys = [serial_key(line.variant_id, serial_no) for line in lines for serial_no in line.serials_found]
    known = await view.lookup_many(SERIALS, "number", keys) if keys else {}
    for line in lines:
        for serial_no in line.serials_found:
            unit = known.get(serial_key(line.variant_id, serial_no))
            if unit is not None and unit.lot_code not in {None, line.lot_code}:
                raise invalid_field(paths[line.line_no], f"serial {serial_no} is of lot {unit.lot_code}")
            if unit is not None and unit.status not in COMES_IN_FROM:
                status = "scrapped" if unit.status == "scrapped" else "elsewhere"
                message = f"serial {serial_no} is {unit.status}: put it away, then count again"
                raise InvalidState(message, status=status, serial_no=serial_no, line_no=line.line_no)


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
    off = [line for line in count.lines if line.is_off]
    p.serials.prefetch((line.variant_id, [*line.serials_found, *line.serials_missing]) for line in off)
    items = await _open(change, p, off)
    post_all(p, await _differences(change, p, count.logical_guid, items, off))
    for line in off:
        p.serials.emit_after("ics.serial.found", line.variant_id, line.serials_found, count_id=count.count_id)
        p.serials.emit_after("ics.serial.missing", line.variant_id, line.serials_missing, count_id=count.count_id)
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
        _take_up_holders(p, item, line)
        for variant_id, item in items.items()
        if _somebody_loses(item, short[variant_id])
        for line in short[variant_id]
    )
    return items


async def _take_up_holders(p: LedgerPosting, item: OpenItem, line: CountLine) -> None:
    """Add the holders that posting this line may change."""
    numbered = len(line.serials_found) + len(line.serials_missing)
    units = abs(line.difference) + numbered if numbered else max(0, -line.difference)
    if not numbered and not item.shortfall:
        # With a shortfall, units that nobody holds may go to waiting holders first.
        units = max(0, units - nobodys(item, line.key))
    buckets = held_buckets(item, [line.key])
    # Units without a serial leave those holders that have some: of picked units only their holders know.
    await p.take_up_holders(item, buckets, Pin(exact=line.key), units, newest_first=True, all_staged=numbered > 0)


def _somebody_loses(item: OpenItem, lines: Sequence[CountLine]) -> bool:
    """Whether posting these lines may change units of holders."""
    # With a shortfall any loss counts: surplus units of other lines then go to holders waiting for stock.
    losses = [line for line in lines if line.difference < 0]
    named = any(line.serials_found or line.serials_missing for line in lines)
    return named or any(item.shortfall or nobodys(item, line.key) < -line.difference for line in losses)


async def _differences(
    change: Change, p: LedgerPosting, facility: str, items: Mapping[str, OpenItem], off: Sequence[CountLine]
) -> list[CountDifference]:
    """The differences to post. Surplus units are put at the line's place, which must be active."""
    surplus = [line for line in off if line.serials_found or line.difference > -len(line.serials_missing)]
    named = [(line.zone_id, line.bin_id, f"lines.{line.line_no}.") for line in surplus]
    found = await places_of(change, facility, named)
    places: dict[int, Landing] = {}
    for line, lands in zip(surplus, found, strict=True):
        with of_line(line.line_no):
            places[line.line_no] = admit(lands).landing()
    found_differences = []
    for line in off:
        item = items[line.variant_id]
        with of_line(line.line_no):
            found_units, missing = await _units_of(p, item, line)
        place = places.get(line.line_no)
        found_differences.append(
            CountDifference(item, line.key, line.difference, line.line_no, place, found_units, missing)
        )
    return found_differences


async def _units_of(
    p: LedgerPosting, item: OpenItem, line: CountLine
) -> tuple[Sequence[NamedUnit], Sequence[NamedUnit]]:
    """The units found and missing. Raises `InvalidState` if one has moved since it was counted."""
    named = [*line.serials_found, *line.serials_missing]
    for serial_no, unit in zip(named, await p.serials.known(item.variant_id, named), strict=True):
        if unit is not None and (_has_moved(unit, line) or unit.lot_code not in {None, line.lot_code}):
            message = f"serial {serial_no} has moved since it was counted: count again"
            raise InvalidState(message, status="elsewhere", serial_no=serial_no)
    await p.arrivals.check(item, line.lot_code, line.serials_found, Dates())
    found = await p.arrivals.bring(item, None, line.serials_found, Dates())
    pin = Pin(exact=line.key)
    missing = await p.serials.take(item, line.serials_missing, ON_HAND_STATUSES, held_by=ANYONE, pin=pin)
    return found.units, missing.units


def _has_moved(unit: SerialUnit, line: CountLine) -> bool:
    return unit.last_moved_utc is not None and unit.last_moved_utc > (line.counted_utc or "")
