"""The replenishment sweep: moves the recommended units of each rule below its minimum, at most once a window.

A run reads one batch of rules and finds those below their minimum with a few reads. Each of these is then replenished
in a change of its own, which reads the stock again and decides anew. The changes run concurrently and share their
commits. The mark that a rule has moved units in a window is written in the same change as the entries. If a run
crashes, the next run therefore reads the same batch again and moves nothing twice.
"""

import asyncio
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, NamedTuple

from msgspec import Meta
from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.clock import Utc, day_of, later
from chassis.entity import Value
from chassis.errors import Conflict, InvalidState
from chassis.gate import Gate
from chassis.ids import new_id
from chassis.jobs.declaration import Jobs
from chassis.jobs.orgs import within
from chassis.telemetry.log import get_logger
from chassis.unit import Change, Units, View
from chassis.values import Count, Guid, Id, Orgcode, Token
from chassis.values import Utc as UtcText
from services.ics.bin.store import BINS
from services.ics.ledger.balance import item_id_of
from services.ics.ledger.store import ITEMS
from services.ics.replenishment.domain import ReplenishmentRule, Standing, outcome_of, standing, window_start
from services.ics.replenishment.moving import move_by_rule, places_by
from services.ics.replenishment.store import (
    RULES,
    SWEEP_CURSORS,
    SWEPT,
    SweepCursor,
    SweptWindow,
    active_rules,
    ground_of,
)
from services.ics.settings import SWEEP_RULES_MAX, IcsSettings
from services.ics.stock.posting import posting
from services.ics.zone.store import ZONES

jobs = Jobs("ics")

SWEEP_SECONDS = 300.0
"""Seconds between two scheduled runs: a third of the default window, because a rule moves once a window at most."""

RULES_AT_ONCE = 128
"""Maximum number of rules replenished concurrently."""

WINDOW_KEPT_SECONDS = 90 * 24 * 3600
"""How long the mark of a rule's move in a window is stored: as long as the idempotency keys of calling services."""

SweepLimit = Annotated[int, Meta(ge=1, le=SWEEP_RULES_MAX)]
Finding = Literal["executed", "skipped_missing_overstock", "skipped_no_stock", "conflicts", "errors", "would_move"]

log = get_logger("services.ics.replenishment")


class SweepParams(Value):
    """Parameters of a run.

    `as_of_utc` selects the window (default: now); `limit` is the number of rules to read (default: from the settings).
    """

    job: Literal["replenishment-sweep"] = "replenishment-sweep"
    as_of_utc: UtcText | None = None
    limit: SweepLimit | None = None
    dry_run: bool = False
    orgcode: Orgcode | None = None
    logical_guid: Guid | None = None


class SweepAnswer(Value):
    """The result of a run, as numbers of rules.

    processed = executed + both skips + conflicts + errors. In a dry run, rules that would have moved units count
    only as processed. `next_cursor` is null when the last rule was reached.
    """

    job: Literal["replenishment-sweep"] = "replenishment-sweep"
    run_id: Id
    as_of: UtcText
    limit: SweepLimit
    scanned: Count
    matched: Count
    processed: Count
    executed: Count
    skipped_missing_overstock: Count
    skipped_no_stock: Count
    conflicts: Count
    errors: Count
    next_cursor: Token | None


class Sweep(NamedTuple):
    """One run: its call, its window, and whether it is a dry run."""

    units: Units
    call: Call
    window: Utc
    dry_run: bool


@jobs.every(seconds=SWEEP_SECONDS, name="replenishment-sweep", params=SweepParams)
async def replenishment_sweep(
    units: Units, call: Call, params: SweepParams, settings: IcsSettings, gate: Gate
) -> SweepAnswer:
    """Replenish the pick places below their minimum, one batch of rules a run."""
    as_of = Utc(params.as_of_utc or call.started_utc)
    limit = params.limit or settings.ics_replenishment_sweep_limit
    window = window_start(as_of, settings.ics_replenishment_sweep_window_minutes)
    call = replace(call, caller=SYSTEM)
    sweep = Sweep(units, call, window, params.dry_run)
    rules, cursor = await _batch(units, call, params, limit)
    # Changes for an org that is being vacuumed would be refused.
    open_rules = [rule for rule in rules if not gate.is_closed_for(rule.orgcode)]
    matched = await _below_minimum(units, call, open_rules)
    found = Counter(await _side_by_side(sweep, matched))
    if not params.dry_run:
        await _stop_at(units, call, params, cursor)
    return SweepAnswer(
        run_id=new_id(call.started_utc),
        as_of=as_of,
        limit=limit,
        scanned=len(rules),
        matched=len(matched),
        processed=sum(found.values()),
        executed=found["executed"],
        skipped_missing_overstock=found["skipped_missing_overstock"],
        skipped_no_stock=found["skipped_no_stock"],
        conflicts=found["conflicts"],
        errors=found["errors"],
        next_cursor=cursor or None,
    )


async def _batch(units: Units, call: Call, params: SweepParams, limit: int) -> tuple[list[ReplenishmentRule], str]:
    """The next batch of rules, and the cursor for the following run; "" means from the start."""
    own = call if params.orgcode is None else within(call, params.orgcode)

    async def read(view: View) -> list[ReplenishmentRule]:
        cursor = await view.get(SWEEP_CURSORS, _cursor_id(params))
        after = cursor.rule_id if cursor is not None else ""
        # Read one more than the limit to find out whether there are further rules.
        every_org = params.orgcode is None
        return await active_rules(view, params.logical_guid, after, limit + 1, every_org=every_org)

    found = await units.view(own, read)
    return found[:limit], found[limit - 1].rule_id if len(found) > limit else ""


async def _stop_at(units: Units, call: Call, params: SweepParams, rule_id: str) -> None:
    """Store the cursor for the next run with the same filters."""

    async def write(change: Change) -> None:
        cursor = SweepCursor(
            cursor_id=_cursor_id(params),
            orgcode=params.orgcode or "",
            logical_guid=params.logical_guid or "",
            rule_id=rule_id,
        )
        known = await change.get(SWEEP_CURSORS, cursor.cursor_id)
        if known is None:
            await change.insert(SWEEP_CURSORS, cursor)
        elif known != cursor:
            await change.update(SWEEP_CURSORS, cursor)

    await units.change(call, write)


def _cursor_id(params: SweepParams) -> str:
    return f"{params.orgcode or '*'}/{params.logical_guid or '*'}"


async def _below_minimum(units: Units, call: Call, rules: Sequence[ReplenishmentRule]) -> list[ReplenishmentRule]:
    """The rules whose pick place is below its minimum, by rule id."""
    by_org: dict[str, list[ReplenishmentRule]] = {}
    for rule in rules:
        by_org.setdefault(rule.orgcode, []).append(rule)
    found = await asyncio.gather(*(_below_in(units, within(call, org), each) for org, each in by_org.items()))
    return sorted((rule for each in found for rule in each), key=lambda rule: rule.rule_id)


async def _below_in(units: Units, call: Call, rules: Sequence[ReplenishmentRule]) -> list[ReplenishmentRule]:
    async def read(view: View) -> list[ReplenishmentRule]:
        ground, today = await ground_of(view, rules), day_of(view.now)
        return [
            rule
            for rule in rules
            if standing(rule, ground.item(rule), today, overstocked=ground.overstocked(rule)).pick < rule.min_qty
        ]

    return await units.view(call, read)


async def _side_by_side(sweep: Sweep, rules: Iterable[ReplenishmentRule]) -> list[Finding]:
    places = asyncio.Semaphore(RULES_AT_ONCE)

    async def one(rule: ReplenishmentRule) -> Finding:
        async with places:
            return await _replenished(sweep, rule)

    return await asyncio.gather(*map(one, rules))


async def _replenished(sweep: Sweep, rule: ReplenishmentRule) -> Finding:
    """What became of one rule below its minimum."""
    call = replace(within(sweep.call, rule.orgcode), facility=rule.logical_guid)

    async def move(change: Change) -> Finding:
        return await _move(change, rule, sweep)

    try:
        return await sweep.units.change(call, move, emits=["ics.replenishment.recorded"])
    except (InvalidState, Conflict):
        # The pick place is inactive or full, or a concurrent change came first.
        return "conflicts"
    except Exception as problem:  # noqa: BLE001  the failure of one rule must not stop the others
        log.warning("a rule could not be swept", rule_id=rule.rule_id, problem=repr(problem))
        return "errors"


async def _move(change: Change, seen: ReplenishmentRule, sweep: Sweep) -> Finding:
    """Read the rule and its stock again and move the recommended units, unless it has moved units in this window."""
    swept_id = f"sweep:{seen.rule_id}:{sweep.window}"
    zones = [zone_id for zone_id in (seen.pick_zone_id, seen.overstock_zone_id) if zone_id is not None]
    bins = [bin_id for bin_id in (seen.pick_bin_id, seen.overstock_bin_id) if bin_id is not None]
    change.prefetch(SWEPT, [swept_id])
    change.prefetch(ITEMS, [item_id_of(seen.orgcode, seen.logical_guid, seen.variant_id)])
    change.prefetch(ZONES, zones)
    change.prefetch(BINS, bins)
    rule = await change.get(RULES, seen.rule_id)
    if rule is None or rule.status != "active":
        return "conflicts"
    _, over = await places_by(change, rule)
    overstocked = over.zone is not None and over.is_open
    stands = await _standing(change, rule, overstocked=overstocked)
    if stands.pick >= rule.min_qty:
        return "conflicts"
    match outcome_of(stands, overstocked=overstocked):
        case "missing_overstock":
            return "skipped_missing_overstock"
        case "no_stock":
            return "skipped_no_stock"
        case "move":
            pass
    if await change.get(SWEPT, swept_id) is not None:
        return "conflicts"
    moved = await move_by_rule(change, rule, stands.recommended)
    if sweep.dry_run:
        change.discard()
        return "would_move"
    expires_utc = later(change.now, WINDOW_KEPT_SECONDS)
    await change.insert(SWEPT, SweptWindow(swept_id=swept_id, operation_id=moved.operation_id, expires_utc=expires_utc))
    return "executed"


async def _standing(change: Change, rule: ReplenishmentRule, *, overstocked: bool) -> Standing:
    """The current stock of the rule. The posting makes no entries, so it writes nothing."""
    async with posting(change, "replenishment", rule.rule_id) as p:
        return standing(rule, await p.open(rule.variant_id), day_of(change.now), overstocked=overstocked)
