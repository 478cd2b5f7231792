"""Which Shopify variant it is, or would be: the reads of Finding, without what a job would write on the way."""

from collections.abc import Sequence

from msgspec.structs import replace

from services.slc.channel.domain import StoredChannel
from services.slc.explain.domain import Match, Unknown
from services.slc.shopify.port import Shop
from services.slc.shopify.words import Gid
from services.slc.sync.content import ListedContent, VariantListing
from services.slc.sync.finding import Ambiguous, ProductIndex, find_product, find_variants, the_only
from services.slc.sync.plan import Member
from services.slc.variant.domain import StoredVariant, StyleMap, forgotten, row_id_of


class Matcher:
    """Finds the Shopify side of one variant."""

    def __init__(self, shop: Shop, channel: StoredChannel, style: StyleMap | None, others: Sequence[Member]) -> None:
        self._shop = shop
        self._channel = channel
        self._style = style
        self._others = others

    async def match(self, row: StoredVariant, listing: VariantListing | Unknown) -> Match | Unknown:
        """The variant's match; unknown where there is neither a map that holds nor content to search by."""
        if row.shopify_variant_id is not None:
            state = (await self._shop.products.states([row.shopify_variant_id])).get(row.shopify_variant_id)
            if state is not None:
                return Match(outcome="mapped", row=row, state=state, style=self._style)
            row = forgotten(row)
        if isinstance(listing, Unknown):
            return listing
        if listing.content is None:
            return Unknown(why="it has no map that holds, and no listing to search by")
        try:
            if self._channel.type == "custom":
                return await self._custom(row, listing.content)
            return await self._standard(row, listing.content)
        except Ambiguous as problem:
            return Match(outcome="ambiguous", row=row, candidates=tuple(problem.candidates))

    async def _custom(self, row: StoredVariant, content: ListedContent) -> Match:
        [equal] = await find_variants(self._shop, self._channel, [content])
        found = the_only(equal)
        return Match(outcome="none", row=row) if found is None else await self._found(row, found.id, None)

    async def _standard(self, row: StoredVariant, content: ListedContent) -> Match:
        style = self._style
        found = await self._shop.products.variants_of(style.shopify_product_id) if style is not None else None
        if found is None:
            style = await self._product(content)
            found = await self._shop.products.variants_of(style.shopify_product_id) if style is not None else None
        if style is None or found is None:
            return Match(outcome="new_product", row=row)
        ref = ProductIndex(found.variants).find(content)
        if ref is None or ref.id in {each.row.shopify_variant_id for each in self._others}:
            return Match(outcome="new_variant", row=row, style=style)
        return await self._found(row, ref.id, style)

    async def _product(self, content: ListedContent) -> StyleMap | None:
        """The map that the style would get; None if its product would be created."""
        served = [each.listing.content for each in self._others if each.row.included and each.listing.content]
        found = await find_product(self._shop, self._channel, content.style_id, [*served, content])
        if found is None:
            return None
        return StyleMap(
            row_id=row_id_of(self._channel.channel_id, content.style_id),
            channel_id=self._channel.channel_id,
            style_id=content.style_id,
            shopify_product_id=found.product_id,
            adopted=found.adopted,
        )

    async def _found(self, row: StoredVariant, variant_id: Gid, style: StyleMap | None) -> Match:
        state = (await self._shop.products.states([variant_id])).get(variant_id)
        if state is None:
            # Deleted between the search and this look.
            return Match(outcome="none", row=row, style=style)
        mapped = replace(
            row,
            shopify_product_id=state.product.id,
            shopify_variant_id=state.id,
            inventory_item_id=state.inventory_item.id,
        )
        return Match(outcome="found", row=mapped, state=state, style=style)
