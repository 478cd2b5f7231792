"""Removing what is too old to be asked for: audit records, webhooks taken in, and statistics."""

from collections import defaultdict
from typing import Any

from chassis.caller import Call
from chassis.clock import Utc, later
from chassis.entity import Entity, Value
from chassis.gate import Gate
from chassis.jobs.declaration import DAY_SECONDS, HOUR_SECONDS, Jobs, NoParams
from chassis.jobs.orgs import within
from chassis.unit import Change, Units, View, between
from chassis.values import Count
from services.slc.audit.store import AUDIT
from services.slc.counters.domain import HOUR_SECONDS as HOURLY
from services.slc.counters.domain import MINUTE_SECONDS as MINUTELY
from services.slc.counters.store import STATS
from services.slc.lifecycle.store import DOORBELLS

AUDIT_SECONDS = 400 * DAY_SECONDS
DOORBELL_SECONDS = 8 * DAY_SECONDS
MINUTELY_SECONDS = 25 * HOUR_SECONDS
HOURLY_SECONDS = 92 * DAY_SECONDS

BITE_RECORDS = 200

jobs = Jobs("slc")


class Pruned(Value):
    """How many records were removed."""

    audit: Count = 0
    webhooks: Count = 0
    statistics: Count = 0


@jobs.every(seconds=DAY_SECONDS, name="audit_prune")
async def audit_prune(units: Units, call: Call, params: NoParams, gate: Gate) -> Pruned:
    """Remove old audit records, webhooks and statistics."""
    del params
    pruning, now = Pruning(units, call, gate), call.started_utc
    minutes = await pruning.remove(STATS, {"size_seconds": MINUTELY}, "from_utc", later(now, -MINUTELY_SECONDS))
    hours = await pruning.remove(STATS, {"size_seconds": HOURLY}, "from_utc", later(now, -HOURLY_SECONDS))
    return Pruned(
        audit=await pruning.remove(AUDIT, {}, "at_utc", later(now, -AUDIT_SECONDS)),
        webhooks=await pruning.remove(DOORBELLS, {}, "received_utc", later(now, -DOORBELL_SECONDS)),
        statistics=minutes + hours,
    )


class Pruning:
    """Removes records of all orgs, in bites; those of an org that is closed stay until the next run."""

    def __init__(self, units: Units, call: Call, gate: Gate) -> None:
        self._units = units
        self._call = call
        self._gate = gate

    async def remove(self, entity: Entity[Any], where: dict[str, Any], field: str, before: Utc) -> int:
        """Remove the records whose `field` is before this time; how many. Index: age."""
        removed = 0
        after: tuple[Any, ...] | None = None
        while True:
            found = await self._units.view(self._call, _oldest(entity, where, field, before, after))
            by_org: dict[str, list[str]] = defaultdict(list)
            for each in found:
                by_org[each.orgcode].append(getattr(each, entity.id))
            for orgcode, ids in by_org.items():
                if not self._gate.is_closed_for(orgcode):
                    removed += await self._units.change(within(self._call, orgcode), _deletion(entity, ids), emits=())
            if len(found) < BITE_RECORDS:
                return removed
            after = (getattr(found[-1], field), getattr(found[-1], entity.id))


def _oldest(entity: Entity[Any], where: dict[str, Any], field: str, before: Utc, after: tuple[Any, ...] | None) -> Any:
    async def read(view: View) -> list[Any]:
        condition = {**where, field: between(below=before)}
        return await view.every_org().find(entity, condition, order=(field,), limit=BITE_RECORDS, after=after)

    return read


def _deletion(entity: Entity[Any], ids: list[str]) -> Any:
    async def write(change: Change) -> int:
        there = await change.get_many(entity, ids)
        for each in there.values():
            await change.delete(entity, each)
        return len(there)

    return write
