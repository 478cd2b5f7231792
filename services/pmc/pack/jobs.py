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
from services.pmc.pack.domain import PackDraft, PackVersion, to_answer
from services.pmc.pack.dropping import drop_rows
from services.pmc.pack.store import PACKS, forget_draft, old_drafts, overdue_versions

jobs = Jobs("pmc")

EXPIRE_SECONDS = 600.0


class Expired(Value):
    """Numbers of versions that expired, and of versions whose creation never ended and whose rows were removed."""

    expired: int = 0
    drafts: int = 0


@jobs.every(seconds=EXPIRE_SECONDS, name="pack_expire")
async def pack_expire(
    units: Units, call: Call, params: NoParams, store: ObjectStore, clock: Clock, gate: Gate
) -> Expired:
    """Expire versions that were not completed within a day, and remove their objects and what was never finished."""
    del params
    # Not within the view: each of its runs would ask for something new.
    now = clock.now()

    async def look(view: View) -> list[PackVersion]:
        return await overdue_versions(view.every_org(), now)

    count = 0
    for version in await units.view(call, look):
        if not gate.is_closed_for(version.orgcode) and await _expire(units, within(call, version.orgcode), version):
            await store.remove(pack_key(version.orgcode, version.pack_id, version.pack_rev))
            count += 1
    return Expired(expired=count, drafts=await _drop_drafts(units, call, clock, gate))


async def _drop_drafts(units: Units, call: Call, clock: Clock, gate: Gate) -> int:
    now = clock.now()

    async def look(view: View) -> list[PackDraft]:
        return await old_drafts(view.every_org(), now)

    async def begin(change: Change) -> None:
        del change

    count = 0
    for draft in await units.view(call, look):
        if gate.is_closed_for(draft.orgcode):
            continue
        own = within(call, draft.orgcode)
        await drop_rows(units, own, draft.store_id, begin)

        async def end(change: Change, store_id: str = draft.store_id) -> None:
            await forget_draft(change, store_id)

        await units.change(own, end, emits=())
        count += 1
    return count


async def _expire(units: Units, call: Call, version: PackVersion) -> bool:
    async def write(change: Change) -> bool:
        current = await change.load(PACKS, version.version_id)
        if current.state != "awaiting_upload":
            return False
        kept = await change.update(PACKS, replace(current, state="expired"))
        change.emit("pmc.pack.expired", kept.pack_id, pack=to_answer(kept))
        return True

    return await units.change(call, write, emits=("pmc.pack.expired",))
