"""Storage of a channel's variants, of the products they are part of, and of writes whose outcome is not known yet."""

from collections.abc import Iterable, Sequence

from chassis.entity import HUB, Entity, edge, index
from chassis.finder import found_by
from chassis.page import Page, Paged
from chassis.unit import Change, View, one_of
from services.slc.channel.store import move_tally
from services.slc.variant.domain import (
    OpenWrite,
    StoredVariant,
    StyleMap,
    has_unseen,
    is_mapped,
    moved,
    row_id_of,
)
from services.slc.words import SyncState

OPEN_WRITES_MAX = 10_000

VARIANTS = Entity(
    "channel_variant",
    StoredVariant,
    collection="slc_variants",
    id="row_id",
    shard_key=("orgcode", "channel_id", "row_id"),
    keys=("ORG#{orgcode}", "CHANNEL#{channel_id}#VARIANT#{variant_id}"),
    lookups={
        1: ("VARIANT#{variant_id}", "CHANNEL#{channel_id}"),
        2: ("SHOPIFYVARIANT#{shopify_variant_id}", "CHANNEL#{channel_id}"),
    },
    id_pattern="{channel_id}/{variant_id}",
    label="{sku} {variant_id}",
    indexes=[
        index("channel_id", "row_id", name="channel"),
        index("channel_id", "included", "added_rank", name="added"),
        index("channel_id", "included", "sync_state", "added_rank", name="state"),
        index("channel_id", "included", "sku_key", "added_rank", name="sku"),
        index("channel_id", "style_id", name="style"),
        index("channel_id", "shopify_variant_id", name="shopify_variant"),
        index("channel_id", "shopify_product_id", name="shopify_product"),
        index("channel_id", "inventory_item_id", name="item"),
        index("variant_id", "channel_id", name="variant"),
        # The operator looks these up over all orgs.
        index("variant_id", "orgcode", name="variants", every_org=True),
        index("shopify_variant_id", "orgcode", name="shopify_variants", every_org=True),
        index("channel_id", "mapped", name="mapped"),
        index("channel_id", "unseen", name="unseen"),
    ],
    derived={"mapped": is_mapped, "unseen": has_unseen},
    edges=[
        edge("in", to="channel", by="channel_id"),
        edge("of", to="variant", by="variant_id", service=HUB),
        edge("lists", to="product", by="variant_id", service="pmc", cardinality="many"),
        edge("stocked-as", to="balance", by="variant_id", service="ics", cardinality="many"),
        edge("mapped-by", to="map", by="{channel_id}/{style_id}", back="map"),
    ],
    finders={"map": found_by("{channel_id}/{style_id}", channel_id="{channel_id}", style_id="{style_id}")},
    history=False,
)
STYLE_MAPS = Entity(
    "map",
    StyleMap,
    collection="slc_maps",
    id="row_id",
    shard_key=("orgcode", "channel_id", "row_id"),
    keys=("ORG#{orgcode}", "CHANNEL#{channel_id}#MAP#{style_id}"),
    id_pattern="{channel_id}/{style_id}",
    label="{style_id} as {shopify_product_id}",
    indexes=[
        index("channel_id", "row_id", name="channel"),
        index("channel_id", "shopify_product_id", name="shopify_product"),
    ],
    edges=[edge("of", to="channel", by="channel_id")],
    history=False,
)
OPEN_WRITES = Entity(
    "open_write",
    OpenWrite,
    collection="slc_open_writes",
    id="key",
    shard_key=("orgcode", "channel_id"),
    keys=("ORG#{orgcode}", "CHANNEL#{channel_id}#WRITE#{key}"),
    label="{kind} of {stored_utc}, tried {tries} times",
    indexes=[
        index("channel_id", "next_utc", name="channel"),
        index("channel_id", "levels.variant_id", name="variant"),
        index("next_utc", name="due", every_org=True),
    ],
    edges=[edge("of", to="channel", by="channel_id")],
    history=False,
)


async def rows_of(view: View, channel_id: str, variant_ids: Iterable[str]) -> dict[str, StoredVariant]:
    """The rows of these variants in a channel, as far as there are any, by variant_id. Index: id."""
    found = await view.get_many(VARIANTS, [row_id_of(channel_id, each) for each in variant_ids])
    return {row.variant_id: row for row in found.values()}


async def rows_of_style(view: View, channel_id: str, style_id: str, limit: int = 2_048) -> list[StoredVariant]:
    """The rows of a style in a channel. Index: style."""
    return await view.find(VARIANTS, {"channel_id": channel_id, "style_id": style_id}, limit=limit)


async def rows_of_styles(view: View, channel_id: str, style_ids: Sequence[str]) -> list[StoredVariant]:
    """The rows of some styles in a channel. Index: style."""
    where = {"channel_id": channel_id, "style_id": one_of(style_ids)}
    return await view.find(VARIANTS, where, limit=2_048 * len(style_ids))


async def rows_in_channels(view: View, variant_ids: Sequence[str]) -> list[StoredVariant]:
    """The included rows of these variants in all channels of the org. Index: variant."""
    return [
        row
        for row in await view.find(VARIANTS, {"variant_id": one_of(variant_ids)}, limit=len(variant_ids) * 256)
        if row.included
    ]


async def rows_after(view: View, channel_id: str, row_id: str, limit: int) -> list[StoredVariant]:
    """A channel's rows that follow this one, by id; the first ones after "". Index: channel."""
    after = (row_id, row_id) if row_id else None
    return await view.find(VARIANTS, {"channel_id": channel_id}, order=("row_id",), limit=limit, after=after)


async def rows_of_shopify(view: View, channel_id: str, gids: Sequence[str]) -> dict[str, StoredVariant]:
    """Rows of a channel by the Shopify variants they are mapped to. Index: shopify_variant."""
    if not gids:
        return {}
    where = {"channel_id": channel_id, "shopify_variant_id": one_of(gids)}
    found = await view.find(VARIANTS, where, limit=2 * len(gids))
    return {row.shopify_variant_id: row for row in found if row.shopify_variant_id}


async def row_of_item(view: View, channel_id: str, item_id: str) -> StoredVariant | None:
    """The row whose inventory item this is, if any. Index: item."""
    found = await view.find(VARIANTS, {"channel_id": channel_id, "inventory_item_id": item_id}, limit=1)
    return found[0] if found else None


async def rows_of_product(view: View, channel_id: str, product_id: str, limit: int = 2_048) -> list[StoredVariant]:
    """Rows of a channel that are mapped to a Shopify product. Index: shopify_product."""
    where = {"channel_id": channel_id, "shopify_product_id": product_id}
    return await view.find(VARIANTS, where, limit=limit)


async def map_of_product(view: View, channel_id: str, product_id: str) -> StyleMap | None:
    """The map that leads to a Shopify product, if any. Index: shopify_product."""
    where = {"channel_id": channel_id, "shopify_product_id": product_id}
    found = await view.find(STYLE_MAPS, where, limit=1)
    return found[0] if found else None


async def unseen_rows(view: View, channel_id: str, row_id: str, limit: int) -> list[StoredVariant]:
    """Rows with unseen units that follow this one, by id; the first ones after "". Index: unseen."""
    where = {"channel_id": channel_id, "unseen": True}
    after = (row_id, row_id) if row_id else None
    return await view.find(VARIANTS, where, order=("row_id",), limit=limit, after=after)


async def mapped_rows(view: View, channel_id: str, limit: int) -> list[StoredVariant]:
    """Rows of a channel of which something is known at Shopify. Index: mapped."""
    return await view.find(VARIANTS, {"channel_id": channel_id, "mapped": True}, limit=limit)


async def list_rows(
    view: View, channel_id: str, state: SyncState | None, sku: str | None, page: Paged
) -> Page[StoredVariant]:
    """The included variants of a channel, newest first. Index: added, state or sku."""
    where: dict[str, object] = {"channel_id": channel_id, "included": True}
    if state is not None:
        where["sync_state"] = state
    if sku is not None:
        where["sku_key"] = sku.casefold()
    return await view.page(VARIANTS, where, page=page, order=("added_rank",))


async def save_rows(change: Change, pairs: Iterable[tuple[StoredVariant | None, StoredVariant]]) -> list[StoredVariant]:
    """Store changed rows (before or None, after) of one channel, and move its tally with them; the rows as stored.

    Index: id.
    """
    pairs = list(pairs)
    stored = []
    for before, after in pairs:
        if before is None:
            stored.append(await change.insert(VARIANTS, after))
        else:
            stored.append(after if before == after else await change.update(VARIANTS, after))
    if pairs:
        included, mapped, states = moved(pairs)
        await move_tally(change, pairs[0][1].channel_id, included=included, mapped=mapped, states=states)
    return stored


async def save_row(change: Change, before: StoredVariant | None, after: StoredVariant) -> None:
    """Store one changed row; see `save_rows`."""
    await save_rows(change, [(before, after)])


async def writes_of_variant(view: View, channel_id: str, variant_id: str) -> list[OpenWrite]:
    """The open writes that hold levels of a variant. Index: variant."""
    return await view.find(OPEN_WRITES, {"channel_id": channel_id, "levels.variant_id": variant_id})


async def open_writes(view: View, channel_id: str, variant_ids: Sequence[str]) -> list[OpenWrite]:
    """The open writes that hold levels of these variants. Index: variant."""
    where = {"channel_id": channel_id, "levels.variant_id": one_of(variant_ids)}
    return await view.find(OPEN_WRITES, where, limit=OPEN_WRITES_MAX)
