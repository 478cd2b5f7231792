"""Erasing what belongs to a channel, in bites that hold up nobody."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

from chassis.caller import Call
from chassis.entity import Entity
from chassis.unit import Change, Units
from services.slc.channel.store import CHANNEL_STATUS, TALLIES
from services.slc.counters.store import STATS
from services.slc.credential.store import CREDENTIALS
from services.slc.drift.store import DRIFT_REPORTS
from services.slc.fulfilment.store import SHIPMENTS
from services.slc.job.store import JOBS
from services.slc.lifecycle.store import DOORBELLS, OAUTH_STATES
from services.slc.order.store import ORDERS, POSTINGS
from services.slc.variant.store import OPEN_WRITES, STYLE_MAPS, VARIANTS

BITE_RECORDS = 200

OWNED: tuple[Entity[Any], ...] = (
    VARIANTS,
    JOBS,
    STYLE_MAPS,
    OPEN_WRITES,
    ORDERS,
    POSTINGS,
    SHIPMENTS,
    STATS,
    DRIFT_REPORTS,
    DOORBELLS,
    OAUTH_STATES,
    CREDENTIALS,
    TALLIES,
    CHANNEL_STATUS,
)
"""What goes with a channel. Audit records stay."""

OWNED_BUT_STATUS = OWNED[:-1]
"""What may go while the channel is there still: its status is a part of every answer about it."""

REDACTED: tuple[Entity[Any], ...] = (STYLE_MAPS, OPEN_WRITES, ORDERS, POSTINGS, SHIPMENTS, CREDENTIALS)
"""What goes when a shop asks to be forgotten, beside what the variants' rows hold of it."""


async def erase_owned(
    units: Units, call: Call, channel_id: str, seconds: float, owned: tuple[Entity[Any], ...] = OWNED
) -> tuple[dict[str, int], bool]:
    """Erase records of a channel for a limited number of seconds; collection -> deleted, and whether all is gone."""
    ends_at = monotonic() + seconds
    deleted = {entity.collection: 0 for entity in owned}
    for entity in owned:
        while True:
            number = await units.change(call, _bite(entity, channel_id))
            deleted[entity.collection] += number
            if number < BITE_RECORDS:
                break
            if monotonic() > ends_at:
                return deleted, False
    return deleted, True


def _bite(entity: Entity[Any], channel_id: str) -> Any:
    async def erase(change: Change) -> int:
        if entity.id == "channel_id":
            record = await change.get(entity, channel_id)
            records = [record] if record is not None else []
        else:
            records = await change.find(entity, {"channel_id": channel_id}, limit=BITE_RECORDS)
        for each in records:
            await change.delete(entity, each)
        return len(records)

    return erase


def tallied(deleted: dict[str, int]) -> Iterator[tuple[str, int]]:
    """Collections of which something was deleted, by name."""
    return ((name, number) for name, number in sorted(deleted.items()) if number)
