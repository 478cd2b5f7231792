"""Quantities that a shop has told: echoes of our own writes, bookings on their way, and edits."""

from chassis.clock import Utc, seconds_between
from chassis.unit import Change
from services.slc.channel.domain import StoredChannel
from services.slc.counters.store import count
from services.slc.inbound.store import DoorbellToAnswer
from services.slc.job.domain import Reason
from services.slc.job.store import note
from services.slc.variant.store import row_of_item, writes_of_variant

LOOK_SECONDS = 60.0
"""How long after an unexpected quantity its variant is checked: an order on its way may explain it."""

AGAIN_SECONDS = 1.0
"""How soon a quantity is looked at again first; then as much later as it is old already. A webhook may overtake the
answer of the write, or the booking of the order, that caused it."""


async def look_at_level(change: Change, channel: StoredChannel, rung: DoorbellToAnswer) -> float | None:
    """Tell an echo by its value. Anything else is looked at again for a minute, and then the variant is checked.

    Returns None when that is done, or the seconds until it is to be looked at again. Index: item, variant.
    """
    row = await row_of_item(change, channel.channel_id, rung.resource_id)
    if row is None or rung.location_id not in channel.locations():
        return None
    age = seconds_between(Utc(rung.received_utc), change.now) if rung.received_utc else LOOK_SECONDS
    writes = await writes_of_variant(change, channel.channel_id, row.variant_id)
    if any(each.location_id == rung.location_id for write in writes for each in write.levels):
        return min(max(age, AGAIN_SECONDS), LOOK_SECONDS)
    level = row.level_at(rung.location_id or "")
    if level is None or level.baseline is None:
        return None
    if rung.available == level.baseline:
        await count(change, channel.channel_id, echoes=1)
        return None
    if age < LOOK_SECONDS:
        return min(max(age, AGAIN_SECONDS), LOOK_SECONDS - age)
    if row.included and channel.syncs("inventory"):
        reason = Reason(cause="shop_edit", lane="fast", forced=True, inventory_only=True)
        await note(change, channel, [row], reason)
    return None
