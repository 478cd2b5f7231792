"""Variants of a style and those of its product: matched where they are there, created where they are not."""

from services.slc.audit.domain import FieldChange
from services.slc.shopify.errors import ShopRefused
from services.slc.shopify.port import VARIANTS_MAX
from services.slc.shopify.states import VariantRef
from services.slc.shopify.words import Gid
from services.slc.sync.custom import prepare_item
from services.slc.sync.finding import ProductIndex
from services.slc.sync.plan import new_fields, variant_change
from services.slc.sync.run import Draft, SyncRun


async def match_variants(run: SyncRun, product_id: Gid) -> bool:
    """Map variants that the product has already, by SKU or options. False if the product is gone."""
    found = await run.shop.products.variants_of(product_id)
    if found is None:
        return False
    index = ProductIndex(found.variants)
    taken = {each.row.shopify_variant_id for each in run.members}
    matched: list[tuple[Draft, VariantRef]] = []
    for draft in run.drafts:
        content = draft.member.listing.content
        if draft.now("shopify_variant_id") is not None or content is None:
            continue
        ref = index.find(content)
        if ref is not None and ref.id not in taken:
            taken.add(ref.id)
            matched.append((draft, ref))
    states = await run.shop.products.states([ref.id for _, ref in matched]) if matched else {}
    for draft, ref in matched:
        state = states.get(ref.id)
        if state is None:
            # Deleted between the two reads: it is created like any that is missing.
            continue
        map_to(draft, product_id, ref)
        if state.requires_components:
            draft.fields["pushed"] = {"bundle": True}
        await prepare_item(run, draft, state.inventory_item.id, tracked=state.inventory_item.tracked)
    return True


async def create_variants(run: SyncRun, product_id: Gid) -> None:
    """Create the variants that the product does not have, many a call."""
    new = [each for each in run.drafts if each.now("shopify_variant_id") is None]
    for start in range(0, len(new), VARIANTS_MAX):
        part = new[start : start + VARIANTS_MAX]
        fields = [new_fields(run.channel, each.member, run.currency) for each in part]
        inputs = [variant_change(None, each, each) for each in fields]
        try:
            made = await run.shop.products.create_variants(product_id, inputs)
        except ShopRefused as refused:
            for draft in part:
                run.end(draft, kind="refused", code="refused", message=str(refused))
            continue
        for draft, wanted, ref in zip(part, fields, made, strict=True):
            map_to(draft, product_id, ref)
            draft.fields["pushed"] = draft.fields["answered"] = dict(wanted)
            draft.audit = "sync.created"
            draft.changes += [FieldChange(field=name, before=None, after=value) for name, value in wanted.items()]


def map_to(draft: Draft, product_id: Gid, ref: VariantRef) -> None:
    """Map a variant to one of the shop."""
    assert ref.inventory_item is not None
    draft.fields |= {
        "shopify_product_id": product_id,
        "shopify_variant_id": ref.id,
        "inventory_item_id": ref.inventory_item.id,
    }
