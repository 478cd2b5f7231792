"""Background work: gives the positions in a zone its new purpose, if the zone has more items than one call changes."""

from chassis.unit import Change, Units
from chassis.work.handle import Work
from chassis.work.queue import Continue, NoPayload, Workers
from services.ics.ledger.places import repurpose
from services.ics.zone.store import REPURPOSED, ZONES, RepurposedTo

workers = Workers("ics")


@workers.on(REPURPOSED)
async def repurpose_zone(units: Units, work: Work[NoPayload]) -> Continue | None:
    """Give some items' positions in a zone the purpose that the zone has now."""
    so_far: RepurposedTo = work.progress or RepurposedTo()

    async def bite(change: Change) -> bool:
        zone = await change.load(ZONES, work.key)
        last = await repurpose(change, zone.zone_id, zone.purpose, so_far.after)
        if last is None:
            await work.finish(change)
            return True
        await work.checkpoint(change, RepurposedTo(after=last))
        return False

    return None if await units.change(work.call, bite) else Continue()
