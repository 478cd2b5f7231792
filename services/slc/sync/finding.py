"""Finding the Shopify side of a style or a variant that has no map."""

from collections.abc import Iterable, Sequence

from chassis.entity import Value
from services.slc.channel.domain import StoredChannel
from services.slc.shopify.port import Shop
from services.slc.shopify.states import FoundVariant, VariantRef
from services.slc.shopify.words import Gid
from services.slc.sync.content import ListedContent
from services.slc.sync.fields import NO_OPTIONS, barcode_of, options_of


class Ambiguous(Exception):
    """The search finds several; `candidates` are their ids."""

    def __init__(self, what: str, candidates: list[Gid]) -> None:
        super().__init__(f"the search finds several {what}")
        self.candidates = candidates[:10]


class FoundProduct(Value):
    """The product of a style; `adopted` when it was found by its variants and bears no custom id yet."""

    product_id: Gid
    adopted: bool


async def find_variants(shop: Shop, channel: StoredChannel, content: ListedContent) -> list[FoundVariant]:
    """The variants of the shop that equal this one by `match_by`."""
    match_by, barcode = channel.config.match_by, barcode_of(content)
    if match_by in {"sku", "sku_then_barcode"}:
        found = [each for each in await shop.products.find("sku", content.sku) if each.sku == content.sku]
        if found or match_by == "sku":
            return found
    if match_by in {"barcode", "sku_then_barcode"} and barcode is not None:
        return [each for each in await shop.products.find("barcode", barcode) if each.barcode == barcode]
    return []


async def find_variant(shop: Shop, channel: StoredChannel, content: ListedContent) -> FoundVariant | None:
    """The one variant of the shop that equals this one; None if there is none. Raises `Ambiguous`."""
    found = await find_variants(shop, channel, content)
    if len(found) > 1:
        raise Ambiguous("variants", [each.id for each in found])
    return found[0] if found else None


async def find_product(
    shop: Shop, channel: StoredChannel, style_id: str, contents: list[ListedContent]
) -> FoundProduct | None:
    """The product of a style: by its custom id, else by its variants. Raises `Ambiguous`."""
    known = await shop.products.by_style(channel.config.metafield_namespace, style_id)
    if known is not None:
        return FoundProduct(product_id=known.id, adopted=False)
    products: dict[Gid, None] = {}
    for content in contents:
        for each in await find_variants(shop, channel, content):
            products[each.product.id] = None
    if len(products) > 1:
        raise Ambiguous("products", list(products))
    return FoundProduct(product_id=next(iter(products)), adopted=True) if products else None


class ProductIndex:
    """The variants of a product by SKU and by options: how a variant without a map is found among them."""

    def __init__(self, variants: Iterable[VariantRef]) -> None:
        variants = list(variants)
        self._by_sku = {each.sku: each for each in variants if each.sku}
        self._by_options = {options_key(each): each for each in variants}

    def find(self, content: ListedContent) -> VariantRef | None:
        """The variant with the same SKU, else with the same options."""
        return self._by_sku.get(content.sku) or self.with_options(options_of(content))

    def with_options(self, options: Sequence[Sequence[str]]) -> VariantRef | None:
        """The variant with these options."""
        return self._by_options.get(tuple((name, value) for name, value in options or NO_OPTIONS))


def options_key(ref: VariantRef) -> tuple[tuple[str, str], ...]:
    """The options of a variant, to compare by."""
    return tuple((each.name, each.value) for each in ref.selected_options)
