"""Lapse: promises past their time give back what they hold, before the next promise of the item is made.

As if expire had been called for each: an operation of its own, by `system`. Nothing else lets them lapse; an item knows
a moment before which nothing of it can (`lapse_utc`), so usually this costs nothing.
"""

from chassis.caller import SYSTEM_ACTOR
from chassis.unit import Change
from services.ics.ledger.holder import HOLDER_KINDS
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.post import operation, take_up
from services.ics.ledger.posting import Posting
from services.ics.ledger.promise import give_back
from services.ics.ledger.promises import next_expiry, overdue_promises


async def expire_overdue(change: Change, posting: Posting, page: OpenItem) -> None:
    """Expire every overdue promise of the item."""
    if page.lapse_utc is None or page.lapse_utc > change.now:
        return
    overdue = await overdue_promises(change, page.logical_guid, page.variant_id, change.now)
    kinds = [HOLDER_KINDS[promise.kind] for promise in overdue]
    for kind, promise in zip(kinds, overdue, strict=True):
        change.prefetch(kind.entity, [promise.promise_id])
    holdings = [take_up(posting, page, promise) for promise in overdue]
    for kind, holding in zip(kinds, holdings, strict=True):
        assert kind.expire is not None, kind.type
        assert kind.expired_event is not None, kind.type
        holding.own = True
        record = await change.load(kind.entity, holding.id)
        posting.begin(operation(change, kind.type, holding.id, channel_code=record.channel_code, actor=SYSTEM_ACTOR))
        units = holding.total()
        give_back(posting, "expire", units, holding)
        record = await change.update(kind.entity, kind.expire(record, units), actor=SYSTEM_ACTOR)
        event, field = kind.expired_event
        change.emit(event, holding.id, actor=SYSTEM_ACTOR, **{field: record})
    if overdue:
        posting.end()
    page.lapse_utc = await next_expiry(change, page.logical_guid, page.variant_id, change.now)
