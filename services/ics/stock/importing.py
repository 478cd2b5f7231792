"""The endpoint that imports many adjustments at once, all or none. The contract's ics.yaml specifies it."""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, TypeVar

from msgspec import Meta

from chassis.caller import Call
from chassis.endpoint import Answer, Endpoints, Request
from chassis.errors import FieldProblem, Invalid, InvalidState, invalid_fields
from chassis.unit import Change
from chassis.values import Date, Delta, Guid, Id, Lot, Reason
from services.ics.bin.domain import Place, admit
from services.ics.bin.store import place_of, places_of
from services.ics.ledger.balance import Balance
from services.ics.ledger.draw import Pin
from services.ics.ledger.naming import ANYONE
from services.ics.ledger.open_item import OpenItem
from services.ics.policy.domain import PolicyValues
from services.ics.policy.store import ruling_many
from services.ics.serial.domain import Dates
from services.ics.stock.domain import (
    IMPORT_ENTRIES_MAX,
    IMPORT_LINES_MAX,
    AdjustmentImport,
    Correction,
    ImportCounter,
    ReasonCode,
    adjust_in,
    adjust_out,
)
from services.ics.stock.fields import SerialList
from services.ics.stock.posting import LedgerPosting, posting
from services.ics.stock.serial_rules import STATUSES, check_tracked, date_problems, serial_problems_by_line
from services.ics.stock.store import ADJUSTMENT_IMPORTS
from services.ics.words import ADJUST, UNHELD_BUCKETS, Bucket, of_line

endpoints = Endpoints("ics", "/adjustment")

WRONG_LINES_MAX = 100
"""Most lines that one refusal names."""

HEAVY_LINES = 20
"""An import of more lines than this commits in its own transaction, outside the shared batch."""


class AdjustmentLineInput(Request):
    variant_id: Guid
    delta: Delta
    bucket: Bucket = "available"
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    expiry_date: Date | None = None
    serials: SerialList | None = None
    reason: Reason | None = None

    def wrong(self, path: str) -> list[tuple[str, str]]:
        """Problems of the line, as (field, message)."""
        if self.delta < 0:
            return [(f"{path}expiry_date", "goes with units coming in")] if self.expiry_date else []
        found = date_problems(self.lot_code, self.serials, self.expiry_date, path=path)
        if self.bucket not in UNHELD_BUCKETS:
            found.append((f"{path}bucket", "units come into available, quarantine or damaged only"))
        return found


class AdjustmentImportEnvelope(Answer):
    adjustment_import: AdjustmentImport
    balances: Annotated[list[Balance], Meta(min_length=1, max_length=IMPORT_LINES_MAX)]


class AdjustmentImportRequest(Request):
    lines: Annotated[list[AdjustmentLineInput], Meta(min_length=1, max_length=IMPORT_LINES_MAX)]
    counter_account: ImportCounter = "adjustment"
    reason_code: ReasonCode
    reason: Reason | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        found = serial_problems_by_line((line.variant_id, line.serials, abs(line.delta)) for line in self.lines)
        for number, line in enumerate(self.lines):
            found += line.wrong(f"lines.{number}.")
        return _first_lines(found)


@endpoints.post(
    "/import",
    roles=ADJUST,
    needs=["logical_guid"],
    emits=["ics.adjustment.imported", "ics.serial.registered", "ics.serial.updated", "ics.stock.changed"],
    refusals={
        "insufficient_stock": "a bucket holds fewer units there than a line takes",
        "conflict_state": "a serial is not in that bucket, lies elsewhere, or is already in stock; "
        "a place is inactive or full; the units are scattered",
    },
)
async def ics_adjustment_import(call: Call, change: Change, body: AdjustmentImportRequest) -> AdjustmentImportEnvelope:
    """Apply many adjustments in one operation, all or none: opening stock, or a stocktake made elsewhere."""
    if len(body.lines) > HEAVY_LINES:
        change.own_transaction()
    places = await _places(change, call.logical_guid, body.lines)
    import_id = change.new_id()
    async with posting(change, "adjustment", import_id, reason=body.reason) as p:
        items = await _open(p, body.lines, places)
        lots = await _checked_lots(change, p, body.lines, items)
        for number, (line, place, lot_code) in enumerate(zip(body.lines, places, lots, strict=True)):
            with of_line(number + 1):
                await _adjust(p, items[line.variant_id], body, number, place=place, lot_code=lot_code)
        adjustment_import = AdjustmentImport(
            import_id=import_id,
            logical_guid=call.logical_guid,
            counter_account=body.counter_account,
            reason_code=body.reason_code,
            reason=body.reason,
            line_count=len(body.lines),
            entry_count=len(p.entries),
            operation_id=p.operation.operation_id,
        )
        adjustment_import = await change.insert(ADJUSTMENT_IMPORTS, adjustment_import)
        change.emit("ics.adjustment.imported", import_id, adjustment_import=adjustment_import)
        balances = sorted(p.balances, key=lambda balance: balance.variant_id)
        return AdjustmentImportEnvelope(adjustment_import=adjustment_import, balances=balances)


async def _places(change: Change, facility: str, lines: Sequence[AdjustmentLineInput]) -> list[Place]:
    """The place of each line. Raises one `Invalid` for all lines whose zone or bin is wrong."""
    named = [(line.zone_id, line.bin_id, f"lines.{number}.") for number, line in enumerate(lines)]
    try:
        return await places_of(change, facility, named)
    except Invalid:
        # All are loaded by now.
        return await _of_each([_place(change, facility, *each) for each in named])


def _place(
    change: Change, facility: str, zone_id: str | None, bin_id: str | None, path: str
) -> Callable[[], Awaitable[Place]]:
    return lambda: place_of(change, facility, zone_id, bin_id, path)


T = TypeVar("T")


async def _of_each(reads: Sequence[Callable[[], Awaitable[T]]]) -> list[T]:
    """The results of reads for each line. Raises one `Invalid` with the problems of all that are refused."""
    results: list[T] = []
    problems: list[tuple[str, str]] = []
    for read in reads:
        try:
            results.append(await read())
        except Invalid as wrong:
            problems += [(field.path, field.problem) for field in wrong.details["fields"]]
    if problems:
        raise invalid_fields([FieldProblem(path, problem) for path, problem in _first_lines(problems)])
    return results


def _first_lines(problems: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The problems of the first `WRONG_LINES_MAX` lines that are wrong, by line."""
    ordered = sorted(problems, key=lambda each: int(each[0].split(".")[1]) if "." in each[0] else -1)
    lines = list(dict.fromkeys(path.split(".")[1] if "." in path else "" for path, _ in ordered))
    named = set(lines[:WRONG_LINES_MAX])
    return [(path, problem) for path, problem in ordered if (path.split(".")[1] if "." in path else "") in named]


async def _open(p: LedgerPosting, lines: Sequence[AdjustmentLineInput], places: Sequence[Place]) -> dict[str, OpenItem]:
    """The items of the lines, with every holder that may lose units."""
    lots: dict[str, list[str]] = {}
    held: dict[tuple[str, Bucket], list[tuple[AdjustmentLineInput, Pin]]] = {}
    for line, place in zip(lines, places, strict=True):
        if line.lot_code is not None:
            lots.setdefault(line.variant_id, []).append(line.lot_code)
        if line.delta < 0 and line.bucket not in {"available", "damaged"}:
            held.setdefault((line.variant_id, line.bucket), []).append((line, _pin(line, place)))
    p.serials.prefetch((line.variant_id, line.serials) for line in lines)
    items = await p.open_many([line.variant_id for line in lines], lots)
    for (variant_id, bucket), pinned in held.items():
        await _take_up_holders(p, items[variant_id], bucket, pinned)
    return items


def _pin(line: AdjustmentLineInput, place: Place) -> Pin:
    return Pin(place.zone_id, place.bin_id, line.lot_code)


async def _take_up_holders(
    p: LedgerPosting, item: OpenItem, bucket: Bucket, pinned: Sequence[tuple[AdjustmentLineInput, Pin]]
) -> None:
    """Add the holders that may lose units by these lines of one bucket."""
    units: Counter[Pin] = Counter()
    named: set[str] = set()
    for line, pin in pinned:
        units[pin] -= line.delta
        known = await p.serials.known(item.variant_id, line.serials or ())
        named |= {unit.held_by_id for unit in known if unit is not None and unit.held_by_id is not None}
    for pin in units:
        # What other lines take at the same positions is taken from the same holders.
        wanted = sum(quantity for other, quantity in units.items() if pin.meets(other))
        await p.take_up_holders(item, {bucket}, pin, wanted, holder_ids=named)


async def _checked_lots(
    change: Change, p: LedgerPosting, lines: Sequence[AdjustmentLineInput], items: Mapping[str, OpenItem]
) -> list[str | None]:
    """The lot of each line. Raises one `Invalid` for all lines that lack what is tracked or contradict known dates."""
    facility = change.call.logical_guid
    policies = await ruling_many(change, [(variant_id, facility) for variant_id in items])

    def check(number: int, line: AdjustmentLineInput) -> Callable[[], Awaitable[str | None]]:
        item, policy = items[line.variant_id], policies[line.variant_id, facility]
        return lambda: _checked_lot(p, item, policy, line, f"lines.{number}.")

    return await _of_each([check(number, line) for number, line in enumerate(lines)])


async def _checked_lot(
    p: LedgerPosting, item: OpenItem, policy: PolicyValues, line: AdjustmentLineInput, path: str
) -> str | None:
    lot_code = line.lot_code
    if line.delta > 0:
        lot_code = await p.arrivals.check(item, lot_code, line.serials, Dates(line.expiry_date), path)
    check_tracked(policy, serials=line.serials, lot_code=lot_code, comes_in=line.delta > 0, path=path)
    return lot_code


async def _adjust(
    p: LedgerPosting,
    item: OpenItem,
    body: AdjustmentImportRequest,
    number: int,
    *,
    place: Place,
    lot_code: str | None,
) -> None:
    """Apply one line."""
    line = body.lines[number]
    asked = Correction(
        delta=line.delta,
        bucket=line.bucket,
        counter_account=body.counter_account,
        lot_code=lot_code,
        line=number + 1,
        reason=line.reason,
    )
    if line.delta > 0:
        landing = admit(place).landing()
        named = await p.arrivals.bring(item, lot_code, line.serials, Dates(line.expiry_date))
        adjust_in(p, item, asked, landing, named)
    else:
        pin = _pin(line, place)
        named = await p.serials.take(item, line.serials, STATUSES[line.bucket], held_by=ANYONE, pin=pin)
        adjust_out(p, item, asked, pin, named)
    if len(p.entries) > IMPORT_ENTRIES_MAX:
        raise InvalidState(f"this takes more than {IMPORT_ENTRIES_MAX} entries; import fewer lines", status="scattered")
