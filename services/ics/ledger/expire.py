"""Expiring overdue promises: they give back what they hold before the next promise of the item is made.

As if expire had been called for each: an operation of its own, by `system`. An item knows a moment before which nothing
of it is overdue (`lapse_utc`), so usually this costs nothing. One transaction expires `HOLDERS_MAX` promises at most.
"""

from chassis.caller import SYSTEM_ACTOR
from chassis.clock import Utc
from chassis.unit import Change
from services.ics.ledger.holder import HEAVY_HOLDERS, HOLDER_KINDS, HOLDERS_MAX
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.post import operation, take_up, take_up_waiting
from services.ics.ledger.posting import Posting
from services.ics.ledger.promise import give_back
from services.ics.ledger.promises import next_expiry, overdue_promises


async def expire_overdue(
    change: Change, posting: Posting, item: OpenItem, until: Utc | None = None, at_most: int = HOLDERS_MAX
) -> bool:
    """Expire promises of the item that were overdue by `until` (now), the longest overdue first: `at_most` of them, and
    no more than one transaction may. Returns whether some are left."""
    at_most = min(at_most, HOLDERS_MAX)
    until = until or change.now
    if item.lapse_utc is None or item.lapse_utc > until:
        return False
    found = await overdue_promises(change, item.logical_guid, item.variant_id, until, at_most + 1)
    overdue, more = found[:at_most], found[at_most:]
    if len(overdue) > HEAVY_HOLDERS:
        change.own_transaction()
    kinds = [HOLDER_KINDS[promise.kind] for promise in overdue]
    for kind, promise in zip(kinds, overdue, strict=True):
        change.prefetch(kind.entity, [promise.promise_id])
    if overdue:
        # What becomes available goes to those who wait for it first.
        await take_up_waiting(change, posting, item)
    # All reads come before the first entry: a run that finds something not loaded yet is repeated from its start.
    next_due = (
        Utc(more[0].due or until) if more else await next_expiry(change, item.logical_guid, item.variant_id, until)
    )
    records = [await change.load(kind.entity, promise.promise_id) for kind, promise in zip(kinds, overdue, strict=True)]
    holdings = [take_up(posting, item, promise) for promise in overdue]
    for kind, holding, record in zip(kinds, holdings, records, strict=True):
        assert kind.expire is not None, kind.type
        assert kind.expired_event is not None, kind.type
        holding.own = True
        posting.begin(operation(change, kind.type, holding.id, channel_code=record.channel_code, actor=SYSTEM_ACTOR))
        units = holding.total()
        give_back(posting, "expire", units, holding)
        expired = await change.update(kind.entity, kind.expire(record, units), actor=SYSTEM_ACTOR)
        event, field = kind.expired_event
        change.emit(event, holding.id, actor=SYSTEM_ACTOR, **{field: expired})
    if overdue:
        posting.end()
    item.lapse_utc = next_due
    return bool(more)
