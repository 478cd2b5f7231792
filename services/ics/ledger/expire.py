"""Expires overdue promises of an item before the next promise is made: their units become available again.

Each expired promise is an operation of its own by the `system` actor, as if the expire call had been made. An item
stores the time before which none of its promises is overdue (`lapse_utc`), so most calls read nothing. One transaction
expires `HOLDERS_MAX` promises at most.
"""

from chassis.caller import SYSTEM_ACTOR
from chassis.clock import Utc
from chassis.unit import Change
from services.ics.ledger.first_promises import first_overdue, next_expiry
from services.ics.ledger.held import take_up
from services.ics.ledger.holder import HEAVY_HOLDERS, HOLDER_KINDS, HOLDERS_MAX
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.post import operation, take_up_waiting
from services.ics.ledger.posting import Posting
from services.ics.ledger.promise import give_back


async def expire_overdue(
    change: Change, posting: Posting, item: OpenItem, until: Utc | None = None, at_most: int = HOLDERS_MAX
) -> bool:
    """Expire promises of the item that were overdue at `until` (None: now), the longest overdue first, at most
    `at_most` and `HOLDERS_MAX`. Returns whether overdue promises are left."""
    at_most = min(at_most, change.bite(HOLDERS_MAX))
    until = until or change.now
    if item.lapse_utc is None or item.lapse_utc > until:
        return False
    found = await first_overdue(change, item, until, at_most + 1)
    overdue, more = found[:at_most], found[at_most:]
    if len(overdue) > HEAVY_HOLDERS:
        change.own_transaction()
    kinds = [HOLDER_KINDS[promise.kind] for promise in overdue]
    for kind, promise in zip(kinds, overdue, strict=True):
        change.prefetch(kind.entity, [promise.promise_id])
    if overdue:
        # Units that become available go to waiting promises first.
        await take_up_waiting(change, posting, item)
    # Read everything before the first entry: an unloaded read makes the handler start again.
    next_due = Utc(more[0].due or until) if more else await next_expiry(change, item, until)
    records = [await change.load(kind.entity, promise.promise_id) for kind, promise in zip(kinds, overdue, strict=True)]
    holdings = [take_up(posting, item, promise) for promise in overdue]
    for kind, holding, record in zip(kinds, holdings, records, strict=True):
        assert kind.expire is not None, kind.type
        assert kind.expired_event is not None, kind.type
        holding.own = True
        posting.begin(
            operation(
                change,
                kind.type,
                holding.id,
                channel_code=record.channel_code,
                order_ref=record.for_order,
                actor=SYSTEM_ACTOR,
            )
        )
        units = holding.total()
        give_back(posting, "expire", units, holding)
        expired = await change.update(kind.entity, kind.expire(record, units), actor=SYSTEM_ACTOR)
        event, field = kind.expired_event
        change.emit(event, holding.id, actor=SYSTEM_ACTOR, **{field: expired})
    if overdue:
        posting.end()
    item.lapse_utc = next_due
    return bool(more)
