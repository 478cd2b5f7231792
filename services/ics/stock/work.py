"""Background work: fills the waiting holders that the transaction of a call could not."""

from msgspec.structs import replace

from chassis.unit import Change, Units
from chassis.work.handle import Work
from chassis.work.queue import Workers
from services.ics.ledger.store import FILLS, ItemToFill
from services.ics.stock.posting import posting

workers = Workers("ics")


@workers.on(FILLS)
async def fill(units: Units, work: Work[ItemToFill]) -> None:
    """Give units that came in to the holders who wait for them, as many as one transaction may fill."""
    given = work.payload

    async def fill_some(change: Change) -> None:
        await work.checkpoint(change)
        async with posting(change, given.document_type, given.document_id) as p:
            # If holders are left, the posting enqueues the item again.
            p.fill(await p.open(given.variant_id))

    await units.change(replace(work.call, facility=given.logical_guid), fill_some)
