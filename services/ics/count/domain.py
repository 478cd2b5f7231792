"""Counts: positions somebody goes and looks at, what the ledger expected there, and what becomes of it. Pure.

counting ─submit─→ submitted ─approve─→ approved
    └──────reject──────┴───────reject─→ rejected
"""

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from chassis.clock import Date, Utc, day_of
from chassis.entity import Record, Value
from chassis.errors import Forbidden, InvalidState, invalid_field
from chassis.values import Guid, Id, Lot, Qty0, Text
from chassis.values import Utc as UtcField
from services.ics.count.plan import CountPlan, tolerated
from services.ics.ledger.balance import Item, PositionKey
from services.ics.ledger.entry import ENTRIES_MAX, StockCardEntry

LINES_MAX = 500

CountStatus = Literal["counting", "submitted", "approved", "rejected"]
LineNo = Annotated[int, Meta(ge=1, le=LINES_MAX)]
OPEN: frozenset[CountStatus] = frozenset({"counting", "submitted"})

Units = Annotated[int, Meta(ge=0)]
"""What lies at a position: several receipts may have made it more than any one call can name."""


class CountLine(Value):
    """A position. `expected` is what the ledger had there when it was counted: None while a blind count goes on."""

    line_no: LineNo
    variant_id: Guid
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    expected: Units | None = None
    counted: Qty0 | None = None
    variance: int | None = None
    within_tolerance: bool | None = None
    counted_utc: UtcField | None = None

    @property
    def spot(self) -> PositionKey:
        return PositionKey(self.zone_id, self.bin_id, self.lot_code)

    @property
    def difference(self) -> int:
        """Units the count found more (or fewer, below 0) than were expected; 0 until it is submitted."""
        return self.variance or 0


class Count(Record):
    """A count of up to 500 positions; `out_of_tolerance` is how many of them were off by too much.

    `entry_ids` are the entries its approval posted; where there are more than it can hold, the first of them. All of
    them name the count as their document.
    """

    count_id: Id
    logical_guid: Guid
    plan_id: Id | None
    recount_of: Id | None
    blind: bool
    status: CountStatus = "counting"
    lines: Annotated[list[CountLine], Meta(min_length=1, max_length=LINES_MAX)]
    out_of_tolerance: Qty0 = 0
    submitted_utc: UtcField | None = None
    submitted_by: Guid | None = None
    decided_utc: UtcField | None = None
    decided_by: Guid | None = None
    decision_note: Text | None = None
    entry_ids: Annotated[list[Id], Meta(max_length=ENTRIES_MAX)] = field(default_factory=list)


class Target(Value):
    """A position to be counted, and the codes it is sorted by."""

    variant_id: str
    spot: PositionKey
    codes: tuple[str, str] = ("", "")

    @property
    def order(self) -> tuple[str, str, str, str]:
        """Where it stands in a count made from a plan: the way somebody walks."""
        return *self.codes, self.variant_id, self.spot.lot_code or ""


class CountFinding(Value):
    """What somebody counted at a line, or (no number) at a position found on the way."""

    line_no: int | None
    target: Target
    counted: int
    counted_utc: Utc


def position_key(logical_guid: str, variant_id: str, key: PositionKey) -> str:
    """One text a position; the lot, which may hold any character, comes last."""
    return f"{logical_guid}/{variant_id}/{key.zone_id or ''}/{key.bin_id or ''}/{key.lot_code or ''}"


def open_positions(count: Count) -> list[str]:
    """The positions no other count may have meanwhile."""
    if count.status not in OPEN:
        return []
    return [position_key(count.logical_guid, line.variant_id, line.spot) for line in count.lines]


def in_scope(item: Item, plan: CountPlan) -> list[Target]:
    """The positions of an item that a plan covers: those with units on hand."""
    return [
        Target(
            variant_id=item.variant_id, spot=position.spot, codes=(position.zone_code or "", position.bin_code or "")
        )
        for position in item.cells
        if position.on_hand > 0
        and (not plan.zone_ids or position.zone_id in plan.zone_ids)
        and (not plan.bin_ids or position.bin_id in plan.bin_ids)
        and (not plan.variant_ids or item.variant_id in plan.variant_ids)
    ]


def to_recount(count: Count) -> list[Target]:
    """What of a rejected count is to be counted again: what was off by too much, or all of it where nothing was."""
    if count.status != "rejected":
        raise InvalidState(f"the count is {count.status}, not rejected", status=count.status)
    off = [line for line in count.lines if line.within_tolerance is False]
    return [Target(variant_id=line.variant_id, spot=line.spot) for line in off or count.lines]


def numbered(targets: Sequence[Target]) -> list[CountLine]:
    """Lines for these positions, in their order."""
    return [
        CountLine(
            line_no=number,
            variant_id=target.variant_id,
            zone_id=target.spot.zone_id,
            bin_id=target.spot.bin_id,
            lot_code=target.spot.lot_code,
        )
        for number, target in enumerate(targets, 1)
    ]


def shown_expected(line: CountLine, item: Item) -> CountLine:
    """A line of a count that is not blind: with what the ledger has there now."""
    there = next((position.on_hand for position in item.cells if position.spot == line.spot), 0)
    return replace(line, expected=there)


def check_targets(targets: Sequence[Target]) -> None:
    """Refuse a position named twice; a bin implies its zone, so only resolved places can tell."""
    known: set[tuple[str, PositionKey]] = set()
    for number, target in enumerate(targets):
        if (target.variant_id, target.spot) in known:
            raise invalid_field(f"lines.{number}", "is a position of another line")
        known.add((target.variant_id, target.spot))


def check_coverage(targets: Sequence[Target]) -> None:
    """Refuse what is no count: nothing, or more than one count can hold."""
    if not targets:
        raise InvalidState("the plan covers no position with units on hand", status="empty")
    if len(targets) > LINES_MAX:
        raise InvalidState(f"the plan covers more than {LINES_MAX} positions", status="too_many")


def check_findings(count: Count, findings: Sequence[CountFinding], now: Utc) -> None:
    """Refuse findings that are not each line of the count once, contradict a line, or lie outside its time."""
    lines = {line.line_no: line for line in count.lines}
    known = {(line.variant_id, line.spot) for line in count.lines}
    for number, finding in enumerate(findings):
        path = f"lines.{number}"
        if not count.created_utc <= finding.counted_utc <= now:
            raise invalid_field(f"{path}.counted_utc", "must lie between the count's creation and now")
        target = (finding.target.variant_id, finding.target.spot)
        if finding.line_no is None:
            if target in known:
                raise invalid_field(path, "is a position of another line")
            known.add(target)
        elif finding.line_no not in lines:
            raise invalid_field(f"{path}.line_no", "the count has no such line")
    if missing := lines.keys() - {finding.line_no for finding in findings}:
        raise invalid_field("lines", f"line {min(missing)} is missing")
    if len(findings) > LINES_MAX:
        raise invalid_field("lines", f"a count has at most {LINES_MAX} lines")


def check_counting(count: Count) -> None:
    """Refuse to submit what is not being counted."""
    if count.status != "counting":
        raise InvalidState(f"the count is {count.status}", status=count.status)


def check_submitted(count: Count) -> None:
    """Refuse to approve what is not submitted."""
    if count.status != "submitted":
        raise InvalidState(f"the count is {count.status}", status=count.status)


def check_four_eyes(count: Count, plan: CountPlan | None, actor: str) -> None:
    """Refuse the approval of who submitted the count, where the plan asks for somebody else."""
    if plan is not None and plan.four_eyes and count.submitted_by == actor:
        raise Forbidden("the plan asks for four eyes: who submitted a count does not approve it")


def compared(line: CountLine, finding: CountFinding, expected: int, plan: CountPlan | None) -> CountLine:
    """A line with what was counted held against what was expected."""
    variance = finding.counted - expected
    return replace(
        line,
        expected=expected,
        counted=finding.counted,
        variance=variance,
        within_tolerance=abs(variance) <= tolerated(plan, expected),
        counted_utc=finding.counted_utc,
    )


def submitted(count: Count, lines: Iterable[CountLine], actor: str, now: Utc) -> Count:
    """The count with its variances fixed."""
    kept = sorted(lines, key=lambda line: line.line_no)
    return replace(
        count,
        status="submitted",
        lines=kept,
        out_of_tolerance=sum(not line.within_tolerance for line in kept),
        submitted_utc=now,
        submitted_by=actor,
    )


def approves_itself(count: Count, plan: CountPlan | None) -> bool:
    """Whether a submitted count needs nobody's approval."""
    return plan is not None and plan.auto_approve and count.out_of_tolerance == 0


def approved(count: Count, entries: Iterable[StockCardEntry], actor: str, now: Utc, note: str | None) -> Count:
    """The count after its variances were posted by these entries."""
    posted = [entry.entry_id for entry in entries if entry.kind == "count"]
    return replace(
        count,
        status="approved",
        decided_utc=now,
        decided_by=actor,
        decision_note=note,
        entry_ids=posted[:ENTRIES_MAX],
    )


def rejected(count: Count, actor: str, now: Utc, reason: str) -> Count:
    """The count given up: nothing is posted."""
    if count.status not in OPEN:
        raise InvalidState(f"the count is {count.status}", status=count.status)
    return replace(count, status="rejected", decided_utc=now, decided_by=actor, decision_note=reason)


def counted_date(count: Count) -> Date:
    """The day a submitted count was taken: of its lines, the latest."""
    return day_of(max(line.counted_utc or count.created_utc for line in count.lines))
