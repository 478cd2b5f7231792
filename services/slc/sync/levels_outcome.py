"""What becomes of levels that are written: of each on its own, and of the rows that hold them."""

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.entity import Value
from chassis.unit import Change
from services.slc.audit.domain import FieldChange
from services.slc.shopify.errors import ShopRefused, UserError
from services.slc.sync.outcome import Ending
from services.slc.sync.quantities import new_level, with_levels
from services.slc.variant.domain import StoredLevel, StoredVariant, WrittenLevel, row_id_of
from services.slc.variant.levels import first_seen, taken_over, written
from services.slc.variant.store import VARIANTS, save_rows

LevelChange = Callable[[StoredLevel, WrittenLevel, Utc], StoredLevel]
"""What becomes of a level of an open write, at a time."""


class Wanted(Value):
    """One level to write: of which variant, from which baseline, to which quantity."""

    variant_id: str
    job_id: str
    item_id: str
    level: StoredLevel
    quantity: int


class Outcome(Value):
    """What became of one level. `delay` puts the job back; `again` begins once more at once; `is_fixed`: the shop
    lets nobody write it, for its quantity follows from others."""

    variant_id: str
    location_id: str
    change: FieldChange | None = None
    delay: float | None = None
    again: bool = False
    is_fixed: bool = False
    ending: Ending | None = None


async def change_levels(
    change: Change,
    channel_id: str,
    levels: Sequence[WrittenLevel],
    after: LevelChange,
) -> None:
    """Change levels of variants; one that is not there yet begins empty."""
    rows = await change.get_many(VARIANTS, [row_id_of(channel_id, each.variant_id) for each in levels])
    changed: dict[str, StoredVariant] = {}
    for each in levels:
        row_id = row_id_of(channel_id, each.variant_id)
        row = changed.get(row_id) or rows.get(row_id)
        if row is None:
            continue
        level = row.level_at(each.location_id) or new_level(each.location_id)
        changed[row_id] = replace(row, levels=with_levels(row, {each.location_id: after(level, each, change.now)}))
    await save_rows(change, [(rows[row_id], row) for row_id, row in changed.items()])


def ending_of(variant_id: str, code: str | None, message: str) -> Ending:
    """What a refused level means for its variant."""
    if code in ShopRefused.GONE:
        return Ending(variant_id=variant_id, kind="rematch", code="no_match", message=message)
    if code == ShopRefused.KEY_MISMATCH:
        # Other variables under a key that was used: a defect of ours, and no try would end otherwise.
        return Ending(variant_id=variant_id, kind="dead", code="internal", message=message)
    return Ending(variant_id=variant_id, kind="refused", code="refused", message=message)


def holds_still(row: StoredVariant | None, wanted: Wanted) -> bool:
    """Whether a variant's level is as it was when it was decided what to write."""
    level = row.level_at(wanted.level.location_id) if row is not None else None
    known = (level.baseline, level.unseen) if level is not None else (None, 0)
    return row is not None and known == (wanted.level.baseline, wanted.level.unseen)


def level_of(wanted: Wanted) -> WrittenLevel:
    """The level as an open write holds it."""
    return WrittenLevel(
        variant_id=wanted.variant_id,
        location_id=wanted.level.location_id,
        inventory_item_id=wanted.item_id,
        quantity=wanted.quantity,
        compared=wanted.level.baseline,
        unseen=wanted.level.unseen,
    )


def done(level: StoredLevel, each: WrittenLevel, now: Utc) -> StoredLevel:
    """The level after it was written."""
    if each.compared is None or level.baseline is None:
        return replace(first_seen(level, each.quantity, now), written_utc=now)
    return written(level, each.quantity, each.compared, now)


def taking_over(shown: Mapping[tuple[str, str], int | None]) -> LevelChange:
    """What the shop shows is taken over."""
    return lambda level, each, now: over(level, shown.get((each.inventory_item_id, each.location_id)), now)


def over(level: StoredLevel, shown: int | None, now: Utc) -> StoredLevel:
    """The level with what the shop shows taken over; None: the item is not stocked there, so nothing is known."""
    if shown is None or level.baseline is None:
        return replace(level, baseline=None, unseen=0, since_utc=None)
    return taken_over(level, shown, now)


def written_level(each: WrittenLevel) -> Outcome:
    """The outcome of a level that was written."""
    change = FieldChange(field="inventory", location_id=each.location_id, before=each.compared, after=each.quantity)
    return Outcome(variant_id=each.variant_id, location_id=each.location_id, change=change)


def put_back(each: WrittenLevel, delay: float) -> Outcome:
    """The outcome of a level that is tried later."""
    return Outcome(variant_id=each.variant_id, location_id=each.location_id, delay=delay)


def begin_again(each: Wanted) -> Outcome:
    """The outcome of a level that moved before it could be written."""
    return Outcome(variant_id=each.variant_id, location_id=each.level.location_id, delay=1.0)


def refused_level(each: WrittenLevel, error: UserError) -> Outcome:
    """The outcome of a level that the shop refused."""
    if error.code == ShopRefused.NOT_MUTABLE:
        return Outcome(variant_id=each.variant_id, location_id=each.location_id, is_fixed=True)
    return ended_level(each, ending_of(each.variant_id, error.code, error.message))


def ended_level(each: WrittenLevel, ending: Ending) -> Outcome:
    """The outcome of a level that ends its variant."""
    return Outcome(variant_id=each.variant_id, location_id=each.location_id, ending=ending)
