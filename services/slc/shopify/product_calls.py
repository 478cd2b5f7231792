"""Products, variants, tags, metafields and publications, over GraphQL."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.slc.shopify.errors import ShopRefused
from services.slc.shopify.graphql import Session
from services.slc.shopify.inputs import (
    ItemInput,
    MetafieldKey,
    NewProduct,
    OwnedMetafield,
    ProductChange,
    VariantChange,
)
from services.slc.shopify.reading import converted, in_batches
from services.slc.shopify.states import (
    CreatedProduct,
    FoundVariant,
    ItemState,
    ProductOption,
    ProductRef,
    ProductState,
    ProductVariants,
    VariantRef,
    VariantState,
)
from services.slc.shopify.variant_search import VariantSearch
from services.slc.shopify.words import Gid, SearchField

STATES_A_CALL = 100
METAFIELD_OWNERS_A_CALL = 18
STYLE_ID_KEY = "style_id"


class ProductCalls:
    """Implements the port's `Products`."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._search = VariantSearch(session)

    async def find(self, field: SearchField, values: Sequence[str]) -> dict[str, list[FoundVariant]]:
        return await self._search.equal(field, values)

    async def by_style(self, namespace: str, style_id: str) -> ProductRef | None:
        identifier = {"customId": _custom_id(namespace, style_id)}
        data = await self._session.execute("ProductByIdentifier", identifier=identifier)
        found = data["productByIdentifier"]
        return converted(found, ProductRef) if found is not None else None

    async def define_style_id(self, namespace: str) -> None:
        definition = {
            "namespace": namespace,
            "key": STYLE_ID_KEY,
            "name": "Style id",
            "ownerType": "PRODUCT",
            "type": "id",
        }
        try:
            await self._session.execute("StyleIdDefinition", definition=definition)
        except ShopRefused as refused:
            if not refused.has("TAKEN"):
                raise

    async def create(self, namespace: str, style_id: str, product: NewProduct) -> CreatedProduct:
        identifier = {"customId": _custom_id(namespace, style_id)}
        data = await self._session.execute("ProductCreateFull", identifier=identifier, input=product)
        made = data["productSet"]["product"]
        variants = [converted(each, VariantRef) for each in made["variants"]["nodes"]]
        if made["variants"]["pageInfo"]["hasNextPage"]:
            after = made["variants"]["pageInfo"]["endCursor"]
            variants += await self._rest_of(made["id"], after)
        return CreatedProduct(product=converted(made, ProductState), variants=tuple(variants))

    async def _rest_of(self, product_id: Gid, after: str) -> list[VariantRef]:
        """The variants of a product that follow a page."""
        found: list[VariantRef] = []
        cursor: str | None = after
        while cursor is not None:
            data = await self._session.execute("ProductVariantsPage", id=product_id, after=cursor)
            page = data["product"]["variants"]
            found += [converted(each, VariantRef) for each in page["nodes"]]
            cursor = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
        return found

    async def variants_of(self, product_id: Gid) -> ProductVariants | None:
        data = await self._session.execute("ProductVariantsPage", id=product_id, after=None)
        product = data["product"]
        if product is None:
            return None
        page = product["variants"]
        variants = [converted(each, VariantRef) for each in page["nodes"]]
        if page["pageInfo"]["hasNextPage"]:
            variants += await self._rest_of(product_id, page["pageInfo"]["endCursor"])
        options = tuple(converted(each, ProductOption) for each in product["options"])
        return ProductVariants(options=options, variants=tuple(variants))

    async def states(self, variant_ids: Sequence[Gid]) -> dict[Gid, VariantState]:
        async def read(ids: Sequence[str]) -> list[VariantState]:
            data = await self._session.execute("VariantsState", ids=ids)
            return [converted(each, VariantState) for each in data["nodes"] if each and each.get("id")]

        return {each.id: each for each in await in_batches(variant_ids, STATES_A_CALL, read)}

    async def update(self, change: ProductChange) -> ProductState:
        data = await self._session.execute("ProductFieldsUpdate", product=change)
        return converted(data["productUpdate"]["product"], ProductState)

    async def update_variants(self, product_id: Gid, changes: Sequence[VariantChange]) -> list[VariantRef]:
        try:
            data = await self._session.execute("VariantsUpdate", productId=product_id, variants=changes)
        except ShopRefused as refused:
            refused.answered = _variants(refused.answered["productVariantsBulkUpdate"])
            raise
        return _variants(data["productVariantsBulkUpdate"])

    async def create_variants(self, product_id: Gid, variants: Sequence[VariantChange]) -> list[VariantRef]:
        data = await self._session.execute("VariantsCreate", productId=product_id, variants=variants)
        return _variants(data["productVariantsBulkCreate"])

    async def update_item(self, item_id: Gid, change: ItemInput) -> ItemState:
        data = await self._session.execute("ItemUpdate", id=item_id, input=change)
        return converted(data["inventoryItemUpdate"]["inventoryItem"], ItemState)

    async def add_tags(self, product_id: Gid, tags: Sequence[str]) -> tuple[str, ...]:
        data = await self._session.execute("TagsAdd", id=product_id, tags=tags)
        return tuple(data["tagsAdd"]["node"]["tags"])

    async def remove_tags(self, product_id: Gid, tags: Sequence[str]) -> tuple[str, ...]:
        data = await self._session.execute("TagsRemove", id=product_id, tags=tags)
        return tuple(data["tagsRemove"]["node"]["tags"])

    async def metafields(self, owner_ids: Sequence[Gid], keys: Sequence[str]) -> dict[Gid, dict[str, str]]:
        async def read(ids: Sequence[str]) -> list[Mapping[str, Any]]:
            data = await self._session.execute("MetafieldsState", ids=ids, keys=keys)
            return [each for each in data["nodes"] if each and each.get("id")]

        found = await in_batches(owner_ids, METAFIELD_OWNERS_A_CALL, read)
        return {owner["id"]: _metafields(owner) for owner in found}

    async def set_metafields(self, metafields: Sequence[OwnedMetafield]) -> None:
        await self._session.execute("MetafieldsSet", metafields=metafields)

    async def delete_metafields(self, metafields: Sequence[MetafieldKey]) -> None:
        await self._session.execute("MetafieldsDelete", metafields=metafields)

    async def publish(self, product_id: Gid, publication_ids: Sequence[Gid]) -> None:
        targets = [{"publicationId": each} for each in publication_ids]
        await self._session.execute("Publish", id=product_id, input=targets)


def _custom_id(namespace: str, style_id: str) -> dict[str, str]:
    return {"namespace": namespace, "key": STYLE_ID_KEY, "value": style_id}


def _variants(answered: Mapping[str, Any]) -> list[VariantRef]:
    return [converted(each, VariantRef) for each in answered.get("productVariants") or () if each]


def _metafields(owner: Mapping[str, Any]) -> dict[str, str]:
    return {f"{each['namespace']}.{each['key']}": each["value"] for each in owner["metafields"]["nodes"]}
