"""Finding the Shopify side of a style or a variant that has no map."""

from collections.abc import Iterable, Sequence

from chassis.entity import Value
from services.slc.channel.domain import StoredChannel
from services.slc.shopify.port import Shop
from services.slc.shopify.states import FoundVariant, VariantRef
from services.slc.shopify.words import CANDIDATES_MAX, Gid
from services.slc.sync.content import ListedContent
from services.slc.sync.fields import NO_OPTIONS, barcode_of, options_of


class Ambiguous(Exception):
    """The search finds several; `candidates` are their ids."""

    def __init__(self, what: str, candidates: list[Gid]) -> None:
        super().__init__(f"the search finds several {what}")
        self.candidates = candidates[:CANDIDATES_MAX]


class FoundProduct(Value):
    """The product of a style; `adopted` when it was found by its variants and bears no custom id yet."""

    product_id: Gid
    adopted: bool


async def find_variants(
    shop: Shop, channel: StoredChannel, contents: Sequence[ListedContent]
) -> list[list[FoundVariant]]:
    """For each of these variants those of the shop that equal it by `match_by`."""
    match_by = channel.config.match_by
    by_sku: dict[str, list[FoundVariant]] = {}
    by_barcode: dict[str, list[FoundVariant]] = {}
    if match_by in {"sku", "sku_then_barcode"}:
        by_sku = await shop.products.find("sku", [each.sku for each in contents])
    if match_by in {"barcode", "sku_then_barcode"}:
        left = [barcode_of(each) for each in contents if not by_sku.get(each.sku)]
        by_barcode = await shop.products.find("barcode", [each for each in left if each is not None])
    return [by_sku.get(each.sku) or by_barcode.get(barcode_of(each) or "") or [] for each in contents]


def the_only(found: Sequence[FoundVariant]) -> FoundVariant | None:
    """The one variant of the shop that equals a variant; None if there is none. Raises `Ambiguous`."""
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
    for found in await find_variants(shop, channel, contents):
        products |= {each.product.id: None for each in found}
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
