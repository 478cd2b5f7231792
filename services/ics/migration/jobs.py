"""The jobs that bring documents of an earlier release up to date. Each can be cut off, and run again at any time.

`rederive` computes the fields that lookups need. `recount-serials`, run after it, counts the serials at the positions
of items, which earlier releases did not.
"""

from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.entity import Value
from chassis.jobs.declaration import Jobs, NoParams
from chassis.jobs.orgs import within
from chassis.jobs.rederive import declare_rederive
from chassis.unit import Change, Units, View
from services.ics.allocation.store import ALLOCATIONS
from services.ics.commit.store import COMMITS
from services.ics.consignment.store import CONSIGNMENTS
from services.ics.count.store import COUNTS
from services.ics.ledger.balance import Item
from services.ics.ledger.store import ENTRIES, ITEMS
from services.ics.migration.serials import recounted, relotted
from services.ics.receive.store import RECEIPTS
from services.ics.reservation.store import RESERVATIONS
from services.ics.serial.store import SERIALS, units_of
from services.ics.transfer.store import SHIPMENTS, TRANSFERS

jobs = Jobs("ics")

declare_rederive(
    jobs,
    *(ENTRIES, ITEMS, SERIALS, RESERVATIONS, ALLOCATIONS, COMMITS),
    *(RECEIPTS, TRANSFERS, SHIPMENTS, CONSIGNMENTS, COUNTS),
)

ITEMS_READ_MAX = 200


class SerialRecount(Value):
    """How many items were looked at, and how many counted their serials otherwise than they are."""

    checked: int
    corrected: int


@jobs.by_hand(name="recount-serials")
async def recount_serials(units: Units, call: Call, params: NoParams) -> SerialRecount:
    """Count the serials at the positions of every item again, and give each serial the lot of its position."""
    del params
    call = replace(call, caller=SYSTEM)
    checked = corrected = 0
    last: str | None = None
    while True:
        items = await _items_after(units, call, last)
        for item in items:
            checked += 1
            if item.serialised:
                corrected += await _recount(units, within(call, item.orgcode), item.item_id)
        if len(items) < ITEMS_READ_MAX:
            return SerialRecount(checked=checked, corrected=corrected)
        last = items[-1].item_id


async def _items_after(units: Units, call: Call, last: str | None) -> list[Item]:
    async def read(view: View) -> list[Item]:
        after = None if last is None else (last,)
        return await view.every_org().find(ITEMS, {}, order=("item_id",), limit=ITEMS_READ_MAX, after=after)

    return await units.view(call, read)


async def _recount(units: Units, call: Call, item_id: str) -> bool:
    """Correct one item and its serials; returns whether anything was wrong."""

    async def correct(change: Change) -> bool:
        change.own_transaction()
        item = await change.load(ITEMS, item_id)
        serials = await units_of(change, item)
        last = await change.get_many(ENTRIES, [each.last_entry_id for each in serials if each.last_entry_id])
        fixed = [relotted(each, last.get(each.last_entry_id or "")) for each in serials]
        for before, after in zip(serials, fixed, strict=True):
            if after is not before:
                await change.update(SERIALS, after)
        counted = recounted(item, fixed)
        if counted != item:
            await change.update(ITEMS, counted)
        return counted != item or fixed != serials

    return await units.change(call, correct)
