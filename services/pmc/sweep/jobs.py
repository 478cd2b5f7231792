"""The periodic clean-up of stored objects."""

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Clock, Utc, later
from chassis.entity import Value
from chassis.gate import Gate
from chassis.jobs.declaration import Jobs, NoParams
from chassis.jobs.orgs import within
from chassis.unit import Change, Units, View
from services.pmc.objects.port import ObjectInfo, ObjectStore
from services.pmc.pack.domain import version_id_of
from services.pmc.pack.store import PACKS
from services.pmc.run.store import PARTS, part_id_of

jobs = Jobs("pmc")

SWEEP_SECONDS = 24 * 3600.0
ORPHAN_SECONDS = 24 * 3600
"""Age from which an object without a record is removed. A part is stored before it is recorded."""

PART_KEPT_SECONDS = 400 * 24 * 3600


class ObjectsSwept(Value):
    """Numbers of removed objects: those without a record, and old manifest parts."""

    orphans: int = 0
    old_parts: int = 0


@jobs.every(seconds=SWEEP_SECONDS, name="object_sweep")
async def object_sweep(
    units: Units, call: Call, params: NoParams, store: ObjectStore, clock: Clock, gate: Gate
) -> ObjectsSwept:
    """Remove objects older than a day that have no record, and manifest parts older than 400 days."""
    del params
    swept = ObjectsSwept()
    now = clock.now()
    async for info in store.keys("pmc/"):
        words = info.key.split("/")
        if len(words) != len(("pmc", "org", "kind", "id", "name")) or gate.is_closed_for(words[1]):
            continue
        own = within(call, words[1])
        if words[2] == "runs" and await _drop_old_part(units, own, words, now):
            await store.remove(info.key)
            swept = replace(swept, old_parts=swept.old_parts + 1)
        elif _is_old(info, now) and not await _is_named(units, own, words):
            await store.remove(info.key)
            swept = replace(swept, orphans=swept.orphans + 1)
    return swept


def _is_old(info: ObjectInfo, now: Utc) -> bool:
    return info.modified_utc < later(now, -ORPHAN_SECONDS)


def _part_id(words: list[str]) -> str:
    digits = words[4].removeprefix("part-").removesuffix(".ndjson").partition("-")[0]
    return part_id_of(words[3], int(digits)) if digits.isdigit() else ""


async def _is_named(units: Units, call: Call, words: list[str]) -> bool:
    async def look(view: View) -> bool:
        if words[2] == "runs":
            part = await view.get(PARTS, _part_id(words))
            return part is not None and part.object_key == "/".join(words)
        digits = words[4]
        version = await view.get(PACKS, version_id_of(words[3], int(digits))) if digits.isdigit() else None
        return version is not None and version.state != "expired"

    return await units.view(call, look)


async def _drop_old_part(units: Units, call: Call, words: list[str], now: Utc) -> bool:
    async def drop(change: Change) -> bool:
        part = await change.get(PARTS, _part_id(words))
        if part is None or part.object_key != "/".join(words) or part.created_utc > later(now, -PART_KEPT_SECONDS):
            return False
        await change.delete(PARTS, part)
        return True

    return await units.change(call, drop, emits=())
