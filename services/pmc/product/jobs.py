"""The periodic pruning of revisions: of each product the newest 100 stay, and those in use now or recently."""

from collections.abc import Awaitable, Callable, Sequence

from chassis.caller import Call
from chassis.clock import Clock, Utc, later
from chassis.entity import Value
from chassis.gate import Gate
from chassis.jobs.declaration import Jobs, NoParams
from chassis.jobs.orgs import within
from chassis.unit import Change, Units, View, between
from services.pmc.product.domain import LIVE_KEPT_SECONDS, StoredProduct
from services.pmc.product.history import StoredRevision, revision_id_of
from services.pmc.product.store import PRODUCTS, REVISIONS
from services.pmc.rollup.domain import Deltas
from services.pmc.rollup.store import apply

jobs = Jobs("pmc")

PRUNE_SECONDS = 24 * 3600.0
REVISIONS_KEPT = 100
PRODUCTS_AT_ONCE = 500
REMOVED_AT_ONCE = 200


class Pruned(Value):
    """Revisions that were removed."""

    removed: int = 0


@jobs.every(seconds=PRUNE_SECONDS, name="revision_prune")
async def revision_prune(units: Units, call: Call, params: NoParams, clock: Clock, gate: Gate) -> Pruned:
    """Remove old revisions that nothing uses."""
    del params
    removed = 0
    after = ""
    while True:
        products = await _next_products(units, call, after)
        for product in products:
            if product.head.rev > REVISIONS_KEPT and not gate.is_closed_for(product.orgcode):
                removed += await _prune(units, within(call, product.orgcode), product, clock.now())
        if len(products) < PRODUCTS_AT_ONCE:
            return Pruned(removed=removed)
        after = products[-1].product_id


def kept_revisions(product: StoredProduct, now: Utc) -> set[int]:
    """Old revisions that stay: live, served, pointed at, or live within the last 31 days."""
    pointers = product.pointers
    refs = [product.live, product.served, pointers.staged, pointers.preview, pointers.fallback]
    since = later(now, -LIVE_KEPT_SECONDS)
    return {ref.rev for ref in refs if ref is not None} | {each.rev for each in product.lives if each.until_utc > since}


async def _next_products(units: Units, call: Call, after: str) -> Sequence[StoredProduct]:
    async def look(view: View) -> list[StoredProduct]:
        where = {"product_id": between(above=after)}
        return await view.every_org().find(PRODUCTS, where, order=("product_id",), limit=PRODUCTS_AT_ONCE)

    return await units.view(call, look)


async def _prune(units: Units, call: Call, product: StoredProduct, now: Utc) -> int:
    """Remove the old revisions of one product, `REMOVED_AT_ONCE` numbers per transaction."""
    removed = 0
    first = 1
    last = product.head.rev - REVISIONS_KEPT
    while first <= last:
        end = min(first + REMOVED_AT_ONCE - 1, last)
        removed += await units.change(call, _removal(product.product_id, first, end, now), emits=())
        first = end + 1
    return removed


def _removal(product_id: str, first: int, last: int, now: Utc) -> Callable[[Change], Awaitable[int]]:
    async def remove(change: Change) -> int:
        current = await change.load(PRODUCTS, product_id)
        kept = kept_revisions(current, now)
        bounds = between(at_least=revision_id_of(product_id, first), at_most=revision_id_of(product_id, last))
        where = {"product_id": product_id, "revision_id": bounds}
        found: list[StoredRevision] = await change.find(REVISIONS, where, order=("revision_id",), limit=REMOVED_AT_ONCE)
        gone = [each for each in found if each.rev not in kept]
        for revision in gone:
            await change.delete(REVISIONS, revision)
        if gone:
            deltas = Deltas()
            deltas.add_revisions(current.channel_guid, current.channel_code, -len(gone))
            await apply(change, deltas)
        return len(gone)

    return remove
