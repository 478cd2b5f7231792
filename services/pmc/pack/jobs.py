"""The expiry of pack versions that were never uploaded."""

from msgspec.structs import replace

from chassis.caller import Call
from chassis.clock import Clock
from chassis.entity import Value
from chassis.gate import Gate
from chassis.jobs.declaration import Jobs, NoParams
from chassis.jobs.orgs import within
from chassis.unit import Change, Units, View
from services.pmc.objects.port import ObjectStore, pack_key
from services.pmc.pack.domain import PackVersion, to_answer
from services.pmc.pack.store import PACKS, overdue_versions

jobs = Jobs("pmc")

EXPIRE_SECONDS = 600.0


class Expired(Value):
    """Versions that expired."""

    expired: int = 0


@jobs.every(seconds=EXPIRE_SECONDS, name="pack_expire")
async def pack_expire(
    units: Units, call: Call, params: NoParams, store: ObjectStore, clock: Clock, gate: Gate
) -> Expired:
    """Expire versions that were not completed within a day, and remove their objects."""
    del params

    async def look(view: View) -> list[PackVersion]:
        return await overdue_versions(view.every_org(), clock.now())

    count = 0
    for version in await units.view(call, look):
        if not gate.is_closed_for(version.orgcode) and await _expire(units, within(call, version.orgcode), version):
            await store.remove(pack_key(version.orgcode, version.pack_id, version.pack_rev))
            count += 1
    return Expired(expired=count)


async def _expire(units: Units, call: Call, version: PackVersion) -> bool:
    async def write(change: Change) -> bool:
        current = await change.load(PACKS, version.version_id)
        if current.state != "awaiting_upload":
            return False
        kept = await change.update(PACKS, replace(current, state="expired"))
        change.emit("pmc.pack.expired", kept.pack_id, pack=to_answer(kept))
        return True

    return await units.change(call, write, emits=("pmc.pack.expired",))
