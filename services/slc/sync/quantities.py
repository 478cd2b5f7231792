"""Which levels of a variant are written, and how: the decisions of the levels worker, pure."""

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.entity import Value
from services.slc.channel.domain import StoredChannel
from services.slc.job.domain import SyncJob
from services.slc.sync.content import Units
from services.slc.sync.sources import units_at
from services.slc.variant.domain import StoredLevel, StoredVariant
from services.slc.variant.levels import explained, first_seen, settles_at, taken_over, target_of, wanted

NextStep = Literal["read", "activate", "take_over", "write", "nothing"]


class LevelPlan(Value):
    """What is next for one level: its target, and the quantity to write."""

    level: StoredLevel
    step: NextStep
    target: int = 0
    quantity: int = 0


def levels_of(channel: StoredChannel, row: StoredVariant) -> list[StoredLevel]:
    """The levels of a variant: at the bound locations, and those that were written once and are bound no more."""
    known = {each.location_id: each for each in row.levels}
    bound = [known.pop(each) if each in known else new_level(each) for each in channel.locations()]
    return [*bound, *known.values()]


def new_level(location_id: str) -> StoredLevel:
    """A level of which nothing is known yet."""
    return StoredLevel(location_id=location_id, unseen=0, oversold=0, awaiting=0, target=0)


def caught_up_since(job: SyncJob, caught_up_utc: str | None) -> bool:
    """Whether a catch-up that began after the job was noted has ended well."""
    return caught_up_utc is not None and caught_up_utc >= job.changed_utc


def settle(level: StoredLevel, caught_up_utc: str | None) -> StoredLevel:
    """The level after the latest catch-up: what it did not find was no sale."""
    return explained(level, Utc(caught_up_utc)) if caught_up_utc is not None else level


def plan_level(
    channel: StoredChannel, row: StoredVariant, level: StoredLevel, units: Units, *, reading: bool
) -> LevelPlan:
    """What is next for a level; `reading`: what the shop shows is to be taken over first."""
    if is_left_alone(row):
        return LevelPlan(level=level, step="nothing", target=level.target)
    config = channel.config
    is_bound = level.location_id in channel.locations()
    sold = is_bound and row.included and row.pushed.get("mode", "sell") == "sell"
    promised = units_at(channel, units, row.variant_id, level.location_id)
    target = target_of(level, promised, buffer=config.stock_buffer, cap=config.stock_cap, online=sold)
    level = replace(level, target=target)
    if level.baseline is None:
        return LevelPlan(level=level, step="read" if is_bound else "nothing", target=target)
    if reading:
        return LevelPlan(level=level, step="take_over", target=target)
    quantity = wanted(level, target)
    step: NextStep = "nothing" if quantity == level.baseline else "write"
    return LevelPlan(level=level, step=step, target=target, quantity=quantity)


def is_left_alone(row: StoredVariant) -> bool:
    """Whether the quantities of a variant are not written at all: of bundles, and where the channel says so."""
    return row.pushed.get("mode") == "leave"


def forced_write(
    channel: StoredChannel, row: StoredVariant, level: StoredLevel, units: Units, shown: int | None, now: Utc
) -> tuple[int | None, int] | None:
    """What a forced job would write to a level: the quantity it finds and the one it writes; None: nothing.

    `shown` is what the shop shows, None where the item is not stocked there.
    """
    if is_left_alone(row) or (level.baseline is None and level.location_id not in channel.locations()):
        return None
    if shown is None:
        target = plan_level(channel, row, level, units, reading=False).target
        return None, wanted(level, target)
    known = first_seen(level, shown, now) if level.baseline is None else taken_over(level, shown, now)
    plan = plan_level(channel, row, known, units, reading=False)
    return (shown, plan.quantity) if plan.step == "write" else None


def with_levels(row: StoredVariant, changed: Mapping[str, StoredLevel]) -> list[StoredLevel]:
    """The row's levels with these put in, by location."""
    known = {each.location_id: each for each in row.levels}
    return list({**known, **changed}.values())


def unexplained(levels: Sequence[StoredLevel]) -> Utc | None:
    """When a catch-up may begin that explains the units that left unseen; None if there are none."""
    found = [settles_at(each) for each in levels if each.unseen and each.unseen_utc is not None]
    return max(found) if found else None
