from typing import cast

from chassis.clock import later
from chassis.mongo.composite_reads import FIND_ALL_BATCH_MAX
from chassis.unit import View
from services.ics.ledger.holder import HeldPosition
from services.ics.ledger.promises import overdue_promises
from services.ics.ledger.store import Promise
from services.ics.reservation.domain import Reservation
from services.ics.reservation.store import RESERVATIONS
from tests.ics.given import CHANNEL, FACILITY, NOON, VARIANT, an_id
from tests.ics.memory import Memory, MemoryChange


def a_reservation(seconds: int) -> Reservation:
    """One unit, promised for the given number of seconds from noon."""
    return Reservation(
        reservation_id=an_id(),
        logical_guid=FACILITY,
        channel_code=CHANNEL,
        variant_id=VARIANT,
        demand_type="cart",
        demand_ref=None,
        quantity=1,
        remaining=1,
        expires_utc=later(NOON, seconds),
        positions=[HeldPosition(quantity=1)],
    )


def test_every_overdue_promise_is_found_however_many_there_are() -> None:
    """Whoever is left out keeps units that the next promise is refused."""
    memory = Memory()
    many = FIND_ALL_BATCH_MAX + 1

    async def promise_all(change: MemoryChange) -> None:
        for seconds in range(many + 1):
            await change.insert(RESERVATIONS, a_reservation(seconds))

    async def look(change: MemoryChange) -> list[Promise]:
        return await overdue_promises(cast(View, change), FACILITY, VARIANT, later(NOON, many - 1))

    memory.change(promise_all)
    overdue = memory.change(look)

    assert [promise.due for promise in overdue] == [later(NOON, seconds) for seconds in range(many)]
