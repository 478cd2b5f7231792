"""What every new promise starts with: the item, its policy, overdue promises expired, and how much may be promised."""

from typing import NamedTuple

from chassis.unit import Change
from services.ics.holdback.domain import held_back
from services.ics.holdback.store import HOLDBACKS, item_keys
from services.ics.ledger.balance import item_id_of
from services.ics.ledger.open_item import OpenItem
from services.ics.ledger.store import ITEMS
from services.ics.policy.domain import PolicyValues, effective, scope_keys
from services.ics.policy.store import POLICIES, ruling
from services.ics.reservation.domain import promisable_now
from services.ics.stock.posting import LedgerPosting


class Opening(NamedTuple):
    """An item ready for a promise, the policy that applies to it, and how many units may be promised."""

    page: OpenItem
    policy: PolicyValues
    limit: int


async def open_to_promise(change: Change, p: LedgerPosting, variant_id: str) -> Opening:
    """Open the variant in the call's facility for a promise on the call's channel."""
    facility, channel = change.call.logical_guid, change.call.channel_code
    withheld = item_keys([(facility, variant_id)], channel)
    change.prefetch(ITEMS, [item_id_of(change.call.orgcode, facility, variant_id)])
    change.prefetch(HOLDBACKS, withheld, by="item")
    stored = await change.lookup_many(POLICIES, "scope", scope_keys(variant_id, facility))
    policy, _ = effective(stored, variant_id, facility)
    page = await p.open(variant_id)
    await p.expire_overdue(page)
    holdbacks = await change.lookup_many(HOLDBACKS, "item", withheld)
    kept_back = held_back(holdbacks.values(), channel, change.now)
    return Opening(page, policy, promisable_now(page, policy, kept_back, p.today))


async def open_to_pass_on(change: Change, p: LedgerPosting, variant_id: str) -> tuple[OpenItem, PolicyValues]:
    """Open the variant in the call's facility for a promise made from another one."""
    policy, _ = await ruling(change, variant_id, change.call.logical_guid)
    page = await p.open(variant_id)
    await p.expire_overdue(page)
    return page, policy
