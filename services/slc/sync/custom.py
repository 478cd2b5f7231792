"""Content of custom channels: existing variants are found and touched; nothing is created, archived or renamed."""

from collections.abc import Sequence

from services.slc.shopify.errors import ShopRefused
from services.slc.shopify.inputs import ItemInput
from services.slc.shopify.states import FoundVariant
from services.slc.sync.finding import Ambiguous, find_variants, the_only
from services.slc.sync.run import Draft, SyncRun, keep_found


async def sync_custom(run: SyncRun) -> None:
    """Bring the variants of a custom channel in step, quantities left out."""
    await _find(run)
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


async def _find(run: SyncRun) -> None:
    """Map the variants that have no map yet, or end their jobs."""
    served, contents = [], []
    for draft in list(run.drafts):
        content = draft.member.listing.content
        if draft.now("shopify_variant_id") is not None:
            continue
        if not draft.member.row.included:
            run.end(draft)
        elif content is None:
            run.end(draft, kind="waiting", code="no_product", message="PMC serves nothing for it in the channel")
        else:
            served.append(draft)
            contents.append(content)
    for draft, found in zip(served, await find_variants(run.shop, run.channel, contents), strict=True):
        await _match(run, draft, found)


async def _match(run: SyncRun, draft: Draft, equal: Sequence[FoundVariant]) -> None:
    """Map a variant to the one of the shop that equals it, or end its job."""
    try:
        found = the_only(equal)
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
