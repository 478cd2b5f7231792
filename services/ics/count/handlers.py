"""The endpoints of counts, including those of count plans. The contract's ics.yaml specifies each of them."""

from collections.abc import Sequence
from typing import Annotated

from msgspec import Meta

from chassis.caller import Call
from chassis.endpoint import Endpoints, Request, Revised
from chassis.errors import invalid_field
from chassis.unit import Change
from chassis.values import Guid, Id, Lot, Qty0, Reason, SerialNo, Text, Utc
from services.ics.bin.store import places_of_lines
from services.ics.count import plans, reading
from services.ics.count.domain import (
    LINES_MAX,
    Count,
    CountFinding,
    CountLine,
    LineNo,
    Target,
    approves_itself,
    check_counting,
    check_coverage,
    check_findings,
    check_four_eyes,
    check_submitted,
    check_targets,
    numbered,
    position_key,
    rejected,
    shown_expected,
    to_recount,
)
from services.ics.count.heads import check_free
from services.ics.count.plan import CountPlan, check_active
from services.ics.count.posting import approve, compare
from services.ics.count.reading import CountEnvelope
from services.ics.count.store import COUNTS, PLANS, positions_of, taken_positions
from services.ics.ledger.balance import PositionKey
from services.ics.ledger.store import items_of_many
from services.ics.policy.store import ruling_many
from services.ics.stock.fields import CALL_SERIALS_MAX
from services.ics.stock.posting import posting
from services.ics.words import COUNT, load_here

endpoints = Endpoints("ics", "/count")
endpoints.include(plans.endpoints, reading.endpoints)

SERIAL_EVENTS = ("ics.serial.found", "ics.serial.missing", "ics.serial.registered")


class CountTargetInput(Request):
    variant_id: Guid
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None


class CountCreateRequest(Request):
    plan_id: Id | None = None
    recount_of: Id | None = None
    lines: Annotated[list[CountTargetInput], Meta(min_length=1, max_length=LINES_MAX)] | None = None
    blind: bool | None = None

    def problems(self) -> Sequence[tuple[str, str]]:
        if sum(given is not None for given in (self.plan_id, self.recount_of, self.lines)) != 1:
            return [("plan_id", "exactly one of plan_id, recount_of and lines is required")]
        return ()


@endpoints.post(
    "/create",
    roles=COUNT,
    needs=["logical_guid"],
    emits=["ics.count.created"],
    refusals={
        "conflict": "a position is already in a count that is counting or submitted; details name count_id and line_no",
        "conflict_state": "the plan is not active, or it covers no position or more than 500; "
        "recount_of is not rejected",
    },
)
async def ics_count_create(call: Call, change: Change, body: CountCreateRequest) -> CountEnvelope:
    """Start a count; it neither moves units nor blocks movements."""
    plan, targets = await _targets(call, change, body)
    # The unique index refuses a taken position too, but cannot say which count has it.
    keys = [position_key(call.logical_guid, target.variant_id, target.key) for target in targets]
    check_free(await taken_positions(change, keys))
    lines = numbered(targets)
    blind = body.blind if body.blind is not None else plan.blind if plan is not None else True
    if not blind:
        lines = await _with_expected(change, call.logical_guid, lines)
    count = Count(
        count_id=change.new_id(),
        logical_guid=call.logical_guid,
        plan_id=plan.plan_id if plan is not None else None,
        recount_of=body.recount_of,
        blind=blind,
        lines=lines,
    )
    count = await change.insert(COUNTS, count)
    change.emit("ics.count.created", count.count_id, count=count)
    return CountEnvelope(count=count)


async def _targets(call: Call, change: Change, body: CountCreateRequest) -> tuple[CountPlan | None, list[Target]]:
    """The positions to count and the plan, if any; a recount uses the plan of the count it repeats."""
    if body.plan_id is not None:
        plan = await load_here(change, PLANS, body.plan_id)
        check_active(plan)
        targets = await positions_of(change, plan)
        check_coverage(targets)
        return plan, targets
    if body.recount_of is not None:
        count = await load_here(change, COUNTS, body.recount_of)
        targets = to_recount(count)
        return await _plan_of(change, count), targets
    given = body.lines or []
    places = await places_of_lines(change, call.logical_guid, given)
    targets = [
        Target(variant_id=line.variant_id, key=PositionKey(place.zone_id, place.bin_id, line.lot_code))
        for line, place in zip(given, places, strict=True)
    ]
    check_targets(targets)
    return None, targets


async def _plan_of(change: Change, count: Count) -> CountPlan | None:
    """The current version of the plan that the count was made from."""
    return await change.get(PLANS, count.plan_id) if count.plan_id is not None else None


async def _with_expected(change: Change, facility: str, lines: list[CountLine]) -> list[CountLine]:
    items = await items_of_many(change, [(facility, line.variant_id) for line in lines])
    return [shown_expected(line, items[facility, line.variant_id]) for line in lines]


class CountedLineInput(Request):
    line_no: LineNo | None = None
    variant_id: Guid | None = None
    zone_id: Id | None = None
    bin_id: Id | None = None
    lot_code: Lot | None = None
    counted: Qty0
    counted_utc: Utc | None = None
    serials: Annotated[list[SerialNo], Meta(max_length=CALL_SERIALS_MAX)] | None = None


class CountSubmitRequest(Revised):
    count_id: Id
    lines: Annotated[list[CountedLineInput], Meta(min_length=1, max_length=LINES_MAX)]

    def problems(self) -> Sequence[tuple[str, str]]:
        found, known = [], set()
        for number, line in enumerate(self.lines):
            if line.line_no is None and line.variant_id is None:
                found.append((f"lines.{number}.variant_id", "is required without line_no"))
            if line.line_no is not None and line.line_no in known:
                found.append((f"lines.{number}.line_no", "names a line twice"))
            known.add(line.line_no)
            if line.serials is not None and len(line.serials) != line.counted:
                found.append((f"lines.{number}.counted", "is not the number of serials"))
            if len(set(line.serials or ())) != len(line.serials or ()):
                found.append((f"lines.{number}.serials", "names a serial twice"))
        if sum(len(line.serials or ()) for line in self.lines) > CALL_SERIALS_MAX:
            found.append(("lines", f"name more than {CALL_SERIALS_MAX} serials"))
        return found


@endpoints.post(
    "/submit",
    roles=COUNT,
    needs=["logical_guid"],
    emits=["ics.count.submitted", "ics.count.approved", *SERIAL_EVENTS, "ics.stock.changed"],
    refusals={
        "conflict_state": "not counting; a serial found is in stock at another place; "
        "more than 500 serials found and missing",
        "conflict": "an added position is in another open count",
        "insufficient_stock": "as for approval, when approved at once",
    },
)
async def ics_count_submit(call: Call, change: Change, body: CountSubmitRequest) -> CountEnvelope:
    """Submit the counted units and compute the variances; approve at once if the plan allows it."""
    places = await places_of_lines(change, call.logical_guid, body.lines)
    count = await load_here(change, COUNTS, body.count_id, body.expected_revision)
    keys = [
        PositionKey(place.zone_id, place.bin_id, line.lot_code) for line, place in zip(body.lines, places, strict=True)
    ]
    findings = [
        _finding(count, line, keys[number], f"lines.{number}", change.now) for number, line in enumerate(body.lines)
    ]
    check_findings(count, findings, change.now)
    await _check_tracked(change, findings)
    await _check_free(change, count, findings)
    check_counting(count)
    plan = await _plan_of(change, count)
    count = await compare(change, count, findings, plan, change.now)
    if not approves_itself(count, plan):
        count = await change.update(COUNTS, count)
        change.emit("ics.count.submitted", count.count_id, count=count)
        return CountEnvelope(count=count)
    async with posting(change, "count", count.count_id) as p:
        count = await approve(change, p, count)
        change.emit("ics.count.submitted", count.count_id, count=count)
        change.emit("ics.count.approved", count.count_id, count=count)
        return CountEnvelope(count=count)


def _finding(count: Count, line: CountedLineInput, key: PositionKey, path: str, now: Utc) -> CountFinding:
    """The finding of a request row. A row with `line_no` has the line's position; `Invalid` if it names another."""
    counted_utc = line.counted_utc or now
    kept = next((each for each in count.lines if each.line_no == line.line_no), None)
    if kept is None:
        target = Target(variant_id=line.variant_id or "", key=key)
        return _found(line, target, counted_utc)
    for name in ("variant_id", "zone_id", "bin_id", "lot_code"):
        if getattr(line, name) not in {None, getattr(kept, name)}:
            raise invalid_field(f"{path}.{name}", f"is not that of line {kept.line_no}")
    target = Target(variant_id=kept.variant_id, key=kept.key)
    return _found(line, target, counted_utc)


def _found(line: CountedLineInput, target: Target, counted_utc: Utc) -> CountFinding:
    return CountFinding(
        line_no=line.line_no, target=target, counted=line.counted, counted_utc=counted_utc, serials=line.serials
    )


async def _check_tracked(change: Change, findings: Sequence[CountFinding]) -> None:
    """Raises `Invalid` if a line names no serials although the policy tracks them, or a serial is on two lines."""
    facility = change.call.logical_guid
    policies = await ruling_many(change, [(finding.target.variant_id, facility) for finding in findings])
    seen: set[tuple[str, str]] = set()
    for number, finding in enumerate(findings):
        variant_id, path = finding.target.variant_id, f"lines.{number}.serials"
        if finding.serials is None and policies[variant_id, facility].tracking == "serial":
            raise invalid_field(path, "is required: the policy tracks serials")
        named = {(variant_id, serial_no) for serial_no in finding.serials or ()}
        if named & seen:
            raise invalid_field(path, "names a serial of another line")
        seen |= named


async def _check_free(change: Change, count: Count, findings: Sequence[CountFinding]) -> None:
    """Raise `Conflict` if an added position is in another open count."""
    added = [
        position_key(count.logical_guid, each.target.variant_id, each.target.key)
        for each in findings
        if each.line_no is None
    ]
    if added:
        check_free(await taken_positions(change, added))


class CountApproveRequest(Revised):
    count_id: Id
    note: Text | None = None


@endpoints.post(
    "/approve",
    roles=COUNT,
    needs=["logical_guid"],
    emits=["ics.count.approved", *SERIAL_EVENTS, "ics.stock.changed"],
    refusals={
        "conflict_state": "not submitted; a serial found or missing has moved since it was counted",
        "insufficient_stock": "since the count the position lost so many units that the shortage cannot be taken there",
        "forbidden": "the plan asks for four eyes and the caller submitted it",
    },
)
async def ics_count_approve(call: Call, change: Change, body: CountApproveRequest) -> CountEnvelope:
    """Approve a count and post each line's variance (not the counted number) at its position."""
    count = await load_here(change, COUNTS, body.count_id)
    check_four_eyes(count, await _plan_of(change, count), call.caller.actor)
    count = await change.load(COUNTS, body.count_id, body.expected_revision)
    check_submitted(count)
    async with posting(change, "count", count.count_id) as p:
        count = await approve(change, p, count, body.note)
        change.emit("ics.count.approved", count.count_id, count=count)
        return CountEnvelope(count=count)


class CountRejectRequest(Revised):
    count_id: Id
    reason: Reason


@endpoints.post(
    "/reject",
    roles=COUNT,
    needs=["logical_guid"],
    emits=["ics.count.rejected"],
    refusals={"conflict_state": "approved or already rejected"},
)
async def ics_count_reject(call: Call, change: Change, body: CountRejectRequest) -> CountEnvelope:
    """Reject a count; nothing is posted, and a new count may name it in recount_of."""
    count = await load_here(change, COUNTS, body.count_id, body.expected_revision)
    count = await change.update(COUNTS, rejected(count, call.caller.actor, change.now, body.reason), body.reason)
    change.emit("ics.count.rejected", count.count_id, count=count)
    return CountEnvelope(count=count)
