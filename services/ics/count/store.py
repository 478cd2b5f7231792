"""Storage of counts and count plans, and the reads for starting a count. Each function names the index it uses."""

from collections.abc import Iterable, Mapping, Sequence

from chassis.clock import Date, Utc
from chassis.entity import HUB, Entity, edge, index, unique
from chassis.errors import InvalidState
from chassis.page import Page, Paged
from chassis.unit import Change, View, between, one_of
from services.ics.bin.store import BINS
from services.ics.count.domain import LINES_MAX, OPEN, Count, Target, in_scope, open_positions
from services.ics.count.heads import FILTERS, CountSummary, places_of
from services.ics.count.plan import CountPlan, PlanDate, is_due, seen
from services.ics.filters import split
from services.ics.keyed import KEYS, keyed_page, keys_index
from services.ics.ledger.balance import Item, item_id_of
from services.ics.ledger.entry import StockCardEntry
from services.ics.ledger.lookup import EVERYTHING, bin_key, zone_key
from services.ics.ledger.store import ITEMS, entries_between
from services.ics.words import BUCKETS

PLANS = Entity(
    "count_plan",
    CountPlan,
    collection="count_plans",
    id="plan_id",
    shard_key=("orgcode",),
    keys=("ORG#{orgcode}", "COUNTPLAN#{plan_id}"),
    indexes=[
        unique("logical_guid", "code", name="code", refusal="the code is taken in this facility"),
        index("plan_id"),
        index("logical_guid", "plan_id"),
        index("status", "plan_id"),
        index("zone_ids", "plan_id"),
        index("bin_ids", "plan_id"),
        index("variant_ids", "plan_id"),
    ],
    edges=[
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("covers_zone", to="zone", by="zone_ids", cardinality="many", at=""),
        edge("covers_bin", to="bin", by="bin_ids", cardinality="many", at=""),
        edge("covers", to="variant", by="variant_ids", service=HUB, cardinality="many"),
    ],
    label="{code} {name}",
)

PLAN_DATES = Entity(
    "count_plan_date",
    PlanDate,
    collection="count_plan_dates",
    id="plan_id",
    shard_key=("orgcode",),
    indexes=[index("plan_id")],
    history=False,
    technical=True,
)

COUNTS = Entity(
    "count",
    Count,
    collection="counts",
    id="count_id",
    shard_key=("orgcode",),
    keys=("ORG#{orgcode}", "COUNT#{count_id}"),
    indexes=[
        unique(
            "positions",
            name="position",
            refusal="a position is already in a count that is counting or submitted",
            where={"open": True},
        ),
        index("count_id"),
        index("plan_id", "count_id"),
        index("recount_of", "count_id"),
        index("logical_guid", "count_id"),
        index("lines.variant_id", "count_id", name="variants"),
        keys_index("count_id"),
    ],
    edges=[
        edge("by", to="count_plan", by="plan_id"),
        edge("again", to="count", by="recount_of"),
        edge("in", to="facility", by="logical_guid", service=HUB),
        edge("of", to="variant", by="lines.variant_id", service=HUB, cardinality="many"),
        edge("posted", to="entry", by="count_id", cardinality="many", at="document_id"),
    ],
    derived={
        "positions": open_positions,
        "open": lambda count: count.status in OPEN,
        "line_count": lambda count: len(count.lines),
        "places": places_of,
        KEYS: FILTERS.keys_of,
    },
    label="{logical_guid} counted {created_utc}",
)

COUNT_SUMMARIES = Entity(
    "count_summary",
    CountSummary,
    collection="counts",
    id="count_id",
    shard_key=("orgcode",),
    indexes=[keys_index("count_id")],
    history=False,
    technical=True,
)

_LEADS = (("logical_guid",), ("status",), ())
_FIRST_STRETCH = 64
_STRETCH_MAX = 16_384
ENTRIES_BACK_MAX = 100_000
"""Most entries recorded since the time of counting that are read for one item."""


async def list_plans(view: View, wanted: Mapping[str, str | None], due_by: Date | None, page: Paged) -> Page[CountPlan]:
    """A page of plans with their count dates, newest first. Index: the first of `_LEADS` that the filters cover."""
    where, rest = split(wanted, _LEADS)
    if due_by is None:
        found = await view.page(PLANS, where, page=page, rest=rest)
        dates = await last_counted(view, [plan.plan_id for plan in found.items])
        items = [seen(plan, dates.get(plan.plan_id)) for plan in found.items]
        return Page(items=items, count=found.count, next_token=found.next_token)
    known = await _counted_before(view, due_by)

    async def show(plans: Sequence[CountPlan]) -> list[CountPlan | None]:
        shown = [seen(plan, known.get(plan.plan_id)) for plan in plans]
        return [plan if is_due(plan, due_by) else None for plan in shown]

    return await view.filtered_page(PLANS, where, page=page, show=show, asked=due_by, rest=rest)


async def last_counted(view: View, plan_ids: Iterable[str]) -> dict[str, Date]:
    """The day of the last count of each plan; plans never counted are left out. By id."""
    found = await view.get_many(PLAN_DATES, plan_ids)
    return {plan_id: known.last_counted_date for plan_id, known in found.items()}


async def _counted_before(view: View, day: Date) -> dict[str, Date]:
    """The day of the last count of every plan that may be due by `day`, that is, counted before it. Index: plan_id."""
    # Reads the dates of all plans: an org has few of them.
    found = await view.find_all(PLAN_DATES, {}, order=("plan_id",))
    return {known.plan_id: known.last_counted_date for known in found if known.last_counted_date < day}


async def note_counted(change: Change, plan_id: str, day: Date) -> None:
    """Store the day of an approved count of a plan, unless a later day is stored."""
    known = await change.get(PLAN_DATES, plan_id)
    if known is None:
        date = PlanDate(plan_id=plan_id, orgcode=change.call.orgcode, last_counted_date=day)
        await change.insert(PLAN_DATES, date)
    elif known.last_counted_date < day:
        await change.update(PLAN_DATES, PlanDate(plan_id=plan_id, orgcode=known.orgcode, last_counted_date=day))


async def positions_of(view: View, plan: CountPlan) -> list[Target]:
    """The positions a plan covers, in walking order. If there are more than `LINES_MAX`, not all are returned."""
    targets = [target for item in await _items_of(view, plan) for target in in_scope(item, plan)]
    return sorted(targets, key=lambda target: target.order)


async def _items_of(view: View, plan: CountPlan) -> list[Item]:
    """Items that may have units in a plan's scope. By id; or index: spots, logical_guid; logical_guid, variant_id."""
    # LINES_MAX + 1 items are enough to know that the plan covers too many positions.
    facility = plan.logical_guid
    if plan.variant_ids:
        ids = [item_id_of(view.call.orgcode, facility, variant_id) for variant_id in dict.fromkeys(plan.variant_ids)]
        return list((await view.get_many(ITEMS, ids)).values())
    if plan.bin_ids or plan.zone_ids:
        # The places are the facility's own. Several of them and the facility together would be sorted in memory.
        where = {"spots": one_of(await _spots_of(view, plan))}
        order = ("logical_guid", "variant_id")
        return await view.find(ITEMS, where, order=order, limit=LINES_MAX + 1, rest={"logical_guid": facility})
    stocked = {"stocked": one_of(bucket for bucket in BUCKETS if bucket != "in_transit")}
    return await view.find(ITEMS, {"spots": EVERYTHING, "logical_guid": facility}, limit=LINES_MAX + 1, rest=stocked)


async def _spots_of(view: View, plan: CountPlan) -> list[str]:
    """Index keys of the plan's places: its bins (those inside its zones, if it has zones), otherwise its zones."""
    if not plan.bin_ids:
        return [zone_key(zone_id) for zone_id in plan.zone_ids]
    bins = await view.get_many(BINS, plan.bin_ids)
    inside = [place for place in bins.values() if not plan.zone_ids or place.zone_id in plan.zone_ids]
    return [bin_key(place.bin_id) for place in inside]


async def taken_positions(view: View, keys: Iterable[str]) -> dict[str, Count]:
    """The open counts that contain these positions, by `position_key`. Index: position."""
    found = await view.lookup_many(COUNTS, "position", [(key,) for key in keys])
    return {key[0]: count for key, count in found.items()}


async def entries_since(view: View, item: Item, moment: Utc) -> list[StockCardEntry]:
    """An item's entries after `moment`, and a few before it. Index: item, item_seq; other_item, other_seq.

    Raises `InvalidState` if there are more than about `ENTRIES_BACK_MAX`.
    """
    # Reads backwards from the newest entry in growing steps, so older entries cost nothing.
    found: list[StockCardEntry] = []
    end, width = item.seq, _FIRST_STRETCH
    while end > 0:
        if len(found) >= ENTRIES_BACK_MAX:
            raise InvalidState("too much has moved since then to tell what was there: count again", status="counting")
        start = max(0, end - width)
        numbers = between(above=start, at_most=end)
        part = await entries_between(view, item.logical_guid, item.variant_id, numbers, limit=width)
        found += part
        if part[0].recorded_utc <= moment:
            break
        end, width = start, min(width * 4, _STRETCH_MAX)
    return found


async def list_counts(view: View, wanted: Mapping[str, str | None], page: Paged) -> Page[CountSummary]:
    """A page of counts without their lines, newest first; `wanted` as `wanted_of` gives it. Index: keys."""
    return await keyed_page(view, COUNT_SUMMARIES, FILTERS, wanted, page)
