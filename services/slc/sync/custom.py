"""Content of custom channels: existing variants are found and touched; nothing is created, archived or renamed."""

from services.slc.shopify.errors import ShopRefused
from services.slc.shopify.inputs import ItemInput
from services.slc.sync.finding import Ambiguous, find_variant
from services.slc.sync.run import Draft, SyncRun, keep_found


async def sync_custom(run: SyncRun) -> None:
    """Bring the variants of a custom channel in step, quantities left out."""
    for draft in list(run.drafts):
        if draft.now("shopify_variant_id") is None:
            await _find(run, draft)
    ids = [each.now("shopify_variant_id") for each in run.drafts if each.job.forced or not each.member.row.pushed]
    run.plan_variants(await run.shop.products.states(ids) if ids else {})
    if run.channel.config.shadow:
        run.rehearse()
        return
    for product_id in dict.fromkeys(each.now("shopify_product_id") for each in run.drafts):
        await run.write_variants(product_id)
    await run.write_metafields()
    for draft in run.drafts:
        keep_found(draft)
    run.finish()


async def _find(run: SyncRun, draft: Draft) -> None:
    """Map a variant that has no map yet, or end its job."""
    content = draft.member.listing.content
    if content is None:
        code = "no_product" if draft.member.row.included else None
        if code is None:
            run.end(draft)
        else:
            run.end(draft, kind="waiting", code=code, message="PMC serves nothing for it in the channel")
        return
    try:
        found = await find_variant(run.shop, run.channel, content)
    except Ambiguous as problem:
        candidates = tuple(problem.candidates)
        run.end(draft, kind="refused", code="ambiguous_match", message=str(problem), candidates=candidates)
        return
    if found is None:
        run.end(draft, kind="waiting", code="no_match", message="the shop has no variant that equals it")
        return
    draft.fields |= {
        "shopify_product_id": found.product.id,
        "shopify_variant_id": found.id,
        "inventory_item_id": found.inventory_item.id,
    }
    await prepare_item(run, draft, found.inventory_item.id, tracked=found.inventory_item.tracked)
    if found.requires_components:
        draft.fields["pushed"] = {**draft.now("pushed"), "bundle": True}


async def prepare_item(run: SyncRun, draft: Draft, item_id: str, *, tracked: bool) -> None:
    """Have the shop track an item whose quantities are synced."""
    if tracked or not run.channel.syncs("inventory") or run.channel.config.shadow:
        return
    try:
        await run.shop.products.update_item(item_id, ItemInput(tracked=True))
    except ShopRefused as refused:
        run.end(draft, kind="refused", code="refused", message=str(refused))
