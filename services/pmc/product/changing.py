"""Keeping a product that was changed: the record, its roll-ups, and the content of the revision it shows now."""

from chassis.unit import Change
from services.pmc.content import changed_fields, read_content
from services.pmc.product.domain import StoredProduct, counted, reindexed
from services.pmc.product.store import PRODUCTS, load_revision
from services.pmc.rollup.domain import Deltas
from services.pmc.rollup.store import apply


async def keep_product(change: Change, before: StoredProduct, after: StoredProduct) -> StoredProduct:
    """The changed product as it is stored, with its roll-ups brought up to date."""
    if after.indexed.rev != after.shown.rev:
        revision = await load_revision(change, after.product_id, after.shown.rev)
        after = reindexed(after, read_content(revision.content))
    deltas = Deltas()
    deltas.move(counted(before), counted(after))
    await apply(change, deltas)
    return await change.update(PRODUCTS, after)


async def served_difference(change: Change, before: StoredProduct, after: StoredProduct) -> list[str] | None:
    """The fields in which the served contents differ; None where the served revision is the same."""
    if before.served == after.served:
        return None
    texts: list[str | None] = []
    for ref in (before.served, after.served):
        revision = None if ref is None else await load_revision(change, after.product_id, ref.rev)
        texts.append(None if revision is None else revision.content)
    return changed_fields(texts[0], texts[1] or "")
