"""Stock counts: positions to count, the expected and counted units, and the decision on the variances. Pure.

counting ─submit─→ submitted ─approve─→ approved
    └──────reject──────┴───────reject─→ rejected
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Annotated, Literal

from msgspec import Meta, field
from msgspec.structs import replace

from chassis.clock import Date, Utc, day_of
from chassis.entity import Record, Value
from chassis.errors import Forbidden, InvalidState, invalid_field
from chassis.values import Guid, Id, Lot, Qty0, SerialNo, Text
from chassis.values import Utc as UtcField
from services.ics.count.named import SERIALS_MAX
from services.ics.count.plan import CountPlan, tolerated
from services.ics.ledger.balance import Item, PositionKey
from services.ics.ledger.entry import ENTRIES_MAX, StockCardEntry

LINES_MAX = 500

CountStatus = Literal["counting", "submitted", "approved", "rejected"]
LineNo = Annotated[int, Meta(ge=1, le=LINES_MAX)]
OPEN: frozenset[CountStatus] = frozenset({"counting", "submitted"})

Serials = Annotated[list[SerialNo], Meta(max_length=SERIALS_MAX)]

Units = Annotated[int, Meta(ge=0)]
"""Units at a position. No upper limit: several receipts can add up to more than one call may name."""


class CountLine(Value):
    """A position of a count. `expected` is the ledger's units on hand at the time of counting; None while a blind count
    is open. `variance` = counted - expected. `serials_found` were named but not expected, `serials_missing` were
    expected but not named.
    """

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
    serials_found: Serials = field(default_factory=list)
    serials_missing: Serials = field(default_factory=list)

    @property
    def key(self) -> PositionKey:
        return PositionKey(self.zone_id, self.bin_id, self.lot_code)

    @property
    def difference(self) -> int:
        """The variance in units, or 0 before the count is submitted."""
        return self.variance or 0

    @property
    def is_off(self) -> bool:
        """Whether its approval posts anything."""
        return bool(self.variance or self.serials_found or self.serials_missing)


class Count(Record):
    """A count of up to 500 positions. `out_of_tolerance` is the number of lines whose variance exceeds the tolerance.

    `entry_ids` are the ledger entries posted on approval; if there are too many for one list, the first ones. Every
    entry posted refers to the count as its document.
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
    """A position to count. `codes` are its zone and bin code, for sorting."""

    variant_id: str
    key: PositionKey
    codes: tuple[str, str] = ("", "")

    @property
    def order(self) -> tuple[str, str, str, str]:
        """The sort key of a count made from a plan: zone, bin, variant, lot, which is walking order."""
        return *self.codes, self.variant_id, self.key.lot_code or ""


class CountFinding(Value):
    """The counted units of a line, or of an added position (`line_no` None), and their serials if they were named."""

    line_no: int | None
    target: Target
    counted: int
    counted_utc: Utc
    serials: list[str] | None = None


def position_key(logical_guid: str, variant_id: str, key: PositionKey) -> str:
    """The unique text of a position."""
    # The lot comes last because it may contain any character.
    return f"{logical_guid}/{variant_id}/{key.zone_id or ''}/{key.bin_id or ''}/{key.lot_code or ''}"


def open_positions(count: Count) -> list[str]:
    """The positions locked by an open count: no other open count may contain them. Empty once the count is decided."""
    if count.status not in OPEN:
        return []
    return [position_key(count.logical_guid, line.variant_id, line.key) for line in count.lines]


def in_scope(item: Item, plan: CountPlan) -> list[Target]:
    """The positions of an item with units on hand that the plan covers."""
    return [
        Target(variant_id=item.variant_id, key=position.key, codes=(position.zone_code or "", position.bin_code or ""))
        for position in item.cells
        if position.on_hand > 0
        and (not plan.zone_ids or position.zone_id in plan.zone_ids)
        and (not plan.bin_ids or position.bin_id in plan.bin_ids)
        and (not plan.variant_ids or item.variant_id in plan.variant_ids)
    ]


def to_recount(count: Count) -> list[Target]:
    """The positions of a rejected count to count again: those out of tolerance, otherwise all.

    Raises `InvalidState` if the count is not rejected.
    """
    if count.status != "rejected":
        raise InvalidState(f"the count is {count.status}, not rejected", status=count.status)
    off = [line for line in count.lines if line.within_tolerance is False]
    return [Target(variant_id=line.variant_id, key=line.key) for line in off or count.lines]


def numbered(targets: Sequence[Target]) -> list[CountLine]:
    """Lines for these positions, numbered from 1 in their order."""
    return [
        CountLine(
            line_no=number,
            variant_id=target.variant_id,
            zone_id=target.key.zone_id,
            bin_id=target.key.bin_id,
            lot_code=target.key.lot_code,
        )
        for number, target in enumerate(targets, 1)
    ]


def shown_expected(line: CountLine, item: Item) -> CountLine:
    """The line with the ledger's current units on hand as `expected`, for a count that is not blind."""
    there = item.positions.get(line.key)
    return replace(line, expected=there.on_hand if there is not None else 0)


def check_targets(targets: Sequence[Target]) -> None:
    """Raise `Invalid`, naming the line, if a position occurs twice."""
    # Needs resolved places: a bin alone implies its zone, so the request's fields may differ for one position.
    known: set[tuple[str, PositionKey]] = set()
    for number, target in enumerate(targets):
        if (target.variant_id, target.key) in known:
            raise invalid_field(f"lines.{number}", "is a position of another line")
        known.add((target.variant_id, target.key))


def check_coverage(targets: Sequence[Target]) -> None:
    """Raise `InvalidState` if there is no position, or more than `LINES_MAX`."""
    if not targets:
        raise InvalidState("the plan covers no position with units on hand", status="empty")
    if len(targets) > LINES_MAX:
        raise InvalidState(f"the plan covers more than {LINES_MAX} positions", status="too_many")


def check_findings(count: Count, findings: Sequence[CountFinding], now: Utc) -> None:
    """Check the findings of a count; raises `Invalid`, naming the field, unless all hold:

    - every line of the count has a finding, and every `line_no` is a line of the count;
    - added positions are on no other line;
    - `counted_utc` is between the creation of the count and now;
    - there are at most `LINES_MAX` findings.
    """
    lines = {line.line_no: line for line in count.lines}
    known = {(line.variant_id, line.key) for line in count.lines}
    for number, finding in enumerate(findings):
        path = f"lines.{number}"
        if not count.created_utc <= finding.counted_utc <= now:
            raise invalid_field(f"{path}.counted_utc", "must lie between the count's creation and now")
        target = (finding.target.variant_id, finding.target.key)
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
    """Raise `InvalidState` unless the count is in status counting."""
    if count.status != "counting":
        raise InvalidState(f"the count is {count.status}", status=count.status)


def check_submitted(count: Count) -> None:
    """Raise `InvalidState` unless the count is submitted."""
    if count.status != "submitted":
        raise InvalidState(f"the count is {count.status}", status=count.status)


def check_four_eyes(count: Count, plan: CountPlan | None, actor: str) -> None:
    """Raise `Forbidden` if the plan requires four eyes and the approver `actor` submitted the count."""
    if plan is not None and plan.four_eyes and count.submitted_by == actor:
        raise Forbidden("the plan asks for four eyes: who submitted a count does not approve it")


def compared(
    line: CountLine, finding: CountFinding, expected: int, serials: Collection[str], plan: CountPlan | None
) -> CountLine:
    """The line with the counted and expected units, the variance, and whether it is within tolerance. `serials` were
    expected there; they are compared if the counter named serials."""
    variance = finding.counted - expected
    named = set(serials if finding.serials is None else finding.serials)
    found, missing = sorted(named.difference(serials)), sorted(set(serials) - named)
    off = max(abs(variance), len(found) + len(missing))
    return replace(
        line,
        expected=expected,
        counted=finding.counted,
        variance=variance,
        within_tolerance=off <= tolerated(plan, expected),
        counted_utc=finding.counted_utc,
        serials_found=found,
        serials_missing=missing,
    )


def submitted(count: Count, lines: Iterable[CountLine], actor: str, now: Utc) -> Count:
    """The count, submitted with these lines."""
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
    """Whether a submitted count is approved automatically: the plan says so and every line is within tolerance."""
    return plan is not None and plan.auto_approve and count.out_of_tolerance == 0


def approved(count: Count, entries: Iterable[StockCardEntry], actor: str, now: Utc, note: str | None) -> Count:
    """The count, approved; `entries` are the ledger entries of its variances."""
    posted = [entry.entry_id for entry in entries if entry.kind in {"count", "assign"}]
    return replace(
        count,
        status="approved",
        decided_utc=now,
        decided_by=actor,
        decision_note=note,
        entry_ids=posted[:ENTRIES_MAX],
    )


def rejected(count: Count, actor: str, now: Utc, reason: str) -> Count:
    """The count, rejected; nothing is posted. Raises `InvalidState` if it is already decided."""
    if count.status not in OPEN:
        raise InvalidState(f"the count is {count.status}", status=count.status)
    return replace(count, status="rejected", decided_utc=now, decided_by=actor, decision_note=reason)


def counted_date(count: Count) -> Date:
    """The UTC day of a submitted count: the latest day among its lines."""
    return day_of(max(line.counted_utc or count.created_utc for line in count.lines))
