"""Moving the baselines of a variant's levels as units leave the shop, or come back to it."""

from msgspec.structs import replace

from chassis.clock import Utc
from chassis.unit import Change
from services.slc.channel.domain import StoredChannel
from services.slc.variant.domain import StoredLevel, StoredVariant, row_id_of
from services.slc.variant.levels import booked, restocked
from services.slc.variant.store import VARIANTS, save_row


async def move_level(
    change: Change,
    channel: StoredChannel,
    variant_id: str,
    location_id: str,
    *,
    units: int,
    happened_utc: Utc,
    oversold: int = 0,
    awaiting: int = 0,
) -> StoredVariant | None:
    """Move the baseline of a level: `units` left the shop (negative: came back). The variant's row after.

    Levels exist at bound locations only; units oversold and awaiting are kept there for the target.
    """
    row = await change.get(VARIANTS, row_id_of(channel.channel_id, variant_id))
    if row is None:
        return None
    known = row.level_at(location_id)
    if known is None and location_id not in channel.locations():
        return row
    level = known or StoredLevel(location_id=location_id, unseen=0, oversold=0, awaiting=0, target=0)
    if units > 0:
        level = booked(level, units, happened_utc)
    elif units < 0:
        level = restocked(level, -units, happened_utc)
    level = replace(level, oversold=max(0, level.oversold + oversold), awaiting=max(0, level.awaiting + awaiting))
    others = [each for each in row.levels if each.location_id != location_id]
    place = row.levels.index(known) if known is not None else len(others)
    after = replace(row, levels=[*others[:place], level, *others[place:]])
    await save_row(change, row, after)
    return after
