"""Opens an item for a new promise: expires overdue promises, and reads the policy and the promisable units."""

from functools import partial
from typing import NamedTuple

from msgspec.structs import replace

from chassis.caller import SYSTEM, Call
from chassis.clock import Utc
from chassis.repeated import Beforehand
from chassis.unit import Change, Units
from services.ics.holdback.domain import held_back
from services.ics.holdback.store import HOLDBACKS, item_keys
from services.ics.ledger.balance import item_id_of
from services.ics.ledger.draw import ANYWHERE, Pin, count_free
from services.ics.ledger.holder import BITE_HOLDERS
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.store import ITEMS
from services.ics.policy.domain import PolicyValues, effective, scope_keys
from services.ics.policy.store import POLICIES, ruling
from services.ics.reservation.domain import promisable_now
from services.ics.stock.posting import LedgerPosting, posting


class Opening(NamedTuple):
    """An item ready for a promise, its effective policy, and the number of units that may be promised."""

    item: OpenItem
    policy: PolicyValues
    limit: int


async def open_to_promise(
    change: Change, p: LedgerPosting, variant_id: str, quantity: int, pin: Pin = ANYWHERE
) -> Opening:
    """Open the variant in the call's facility for a promise of `quantity` units on the call's channel.

    Expires overdue promises, as many as one transaction may. If the call needs units of more of them, raises
    `Beforehand`: they are expired in transactions of their own, and the call is run again.
    """
    facility, channel = change.call.logical_guid, change.call.channel_code
    withheld = item_keys([(facility, variant_id)], channel)
    change.prefetch(ITEMS, [item_id_of(change.call.orgcode, facility, variant_id)])
    change.prefetch(HOLDBACKS, withheld, by="item")
    stored = await change.lookup_many(POLICIES, "scope", scope_keys(variant_id, facility))
    policy, _ = effective(stored, variant_id, facility)
    item = await p.open(variant_id, fills=False)
    before = item.total("available")
    more = await p.expire_overdue(item)
    holdbacks = await change.lookup_many(HOLDBACKS, "item", withheld)
    kept_back = held_back(holdbacks.values(), channel, change.now)
    if more:
        in_stock = promisable_now(item, replace(policy, backorder_limit=0), kept_back, p.today)
        lacking = quantity - min(in_stock, count_free(item, "available", pin, today=p.today) - item.shortfall)
        if lacking > 0:
            units = lacking + item.total("available") - before
            raise Beforehand(partial(expire_more, call=change.call, variant_id=variant_id, needed=units))
    return Opening(item, policy, promisable_now(item, policy, kept_back, p.today))


class Expired(NamedTuple):
    """The result of one transaction: expired promises, their units, and whether overdue promises are left."""

    promises: int
    units: int
    more: bool


async def expire_more(units: Units, call: Call, variant_id: str, needed: int) -> None:
    """Expire overdue promises of a variant in the call's facility, in transactions of their own, until `needed` units
    are available again or none is overdue."""
    while needed > 0:
        expired = await units.change(by_system(call), partial(expire_some, variant_id=variant_id))
        needed -= expired.units
        if not expired.more:
            return


def by_system(call: Call) -> Call:
    """The call with the system as its caller, within the same org."""
    return replace(call, caller=replace(SYSTEM, orgcode=call.orgcode))


async def expire_some(
    change: Change, variant_id: str, until: Utc | None = None, at_most: int = BITE_HOLDERS
) -> Expired:
    """Expire promises of a variant in the call's facility that were overdue at `until` (None: now), at most `at_most`
    and `HOLDERS_MAX`."""
    async with posting(change, "reservation") as p:
        item = await p.open(variant_id, fills=False)
        before = item.total("reserved")
        more = await p.expire_overdue(item, until, at_most)
        return Expired(len({entry.operation_id for entry in p.entries}), before - item.total("reserved"), more)


async def open_to_pass_on(change: Change, p: LedgerPosting, variant_id: str) -> tuple[OpenItem, PolicyValues]:
    """Open the variant in the call's facility for a promise that takes its units from another promise."""
    policy, _ = await ruling(change, variant_id, change.call.logical_guid)
    item = await p.open(variant_id)
    await p.expire_overdue(item)
    return item, policy
