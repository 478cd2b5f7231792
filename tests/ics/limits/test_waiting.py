"""A promise on an item for whose units thousands wait reads what one reads on an item that nobody waits for."""

from chassis.clock import FixedClock
from chassis.testing.client import ServiceClient
from services.ics.ledger.store import BIN_UNITS, ENTRIES, ITEMS, PROMISES
from services.ics.policy.store import POLICIES
from services.ics.reservation.store import RESERVATIONS
from tests.ics.crowd.given import crowd_of
from tests.ics.crowd.work import counted_work
from tests.ics.floor import Floor
from tests.reading import reads_of

WAITING = 3_000
TIMES_MAX = 2
COLLECTIONS = [each.collection for each in (ITEMS, PROMISES, ENTRIES, RESERVATIONS, POLICIES, BIN_UNITS)]


async def cost(floor: Floor) -> tuple[int, int, int]:
    """What a promise costs: queries, documents in their ranges (the embedded engine reads ranges whole), and documents
    that they return."""
    with counted_work() as work:
        async with reads_of(*COLLECTIONS) as reads:
            await floor.reserve(1)
    return reads.queries, await reads.documents(floor.ics.application.runtime.database), work.read.total()


async def test_a_promise_reads_no_more_because_others_wait(ics: ServiceClient, clock: FixedClock) -> None:
    alone, crowded = Floor(ics, "VAR-ALONE"), Floor(ics, "VAR-CROWD")
    for floor in (alone, crowded):
        await floor.policy(qc="skip", backorder_limit=2 * WAITING)
        await floor.stocked(1)
        await floor.reserve(1)
    one = await crowded.reserve(1)
    await crowd_of(ics, one["reservation_id"], WAITING, now=clock.now())
    assert (await crowded.stock())["buckets"]["available"] == -WAITING - 1

    without, with_crowd = await cost(alone), await cost(crowded)

    assert all(before > 0 and after <= TIMES_MAX * before for before, after in zip(without, with_crowd, strict=True)), (
        without,
        with_crowd,
    )
