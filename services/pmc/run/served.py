"""What the products of a channel serve, for rules of kind unique: as stored, with what a step has changed so far."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from chassis.unit import View, one_of
from services.pmc.content import ProductContent
from services.pmc.product.domain import StoredProduct
from services.pmc.product.store import PRODUCTS
from services.pmc.profile.domain import PublishProfile

FOUND_MAX = 10_000

Holder = tuple[str, str]
"""The variant that serves a value, and its style."""


class ChannelServed:
    """The values served in one channel, as far as the contents of a step ask for them."""

    def __init__(self, products: Iterable[StoredProduct]) -> None:
        self._holders: dict[tuple[str, str], set[Holder]] = {}
        self._keys: dict[str, list[tuple[str, str]]] = {}
        for product in products:
            self.note(product)

    def is_taken(self, field: str, content: ProductContent) -> bool:
        """Whether another product serves the content's value of the field; a handle only where its style is another."""
        for value in _values_of(field, content):
            for variant_id, style_id in self._holders.get((field, value), ()):
                if variant_id != content.variant_id and (field != "handle" or style_id != content.style_id):
                    return True
        return False

    def note(self, product: StoredProduct) -> None:
        """A product, as it is now."""
        for key in self._keys.pop(product.variant_id, ()):
            self._holders[key] = {each for each in self._holders[key] if each[0] != product.variant_id}
        if product.served is None:
            return
        keys = list(_keys_of(product))
        self._keys[product.variant_id] = keys
        for key in keys:
            self._holders.setdefault(key, set()).add((product.variant_id, product.style_id))


async def served_in(view: View, profile: PublishProfile, contents: Sequence[ProductContent]) -> ChannelServed:
    """What the channel serves of the values that the profile's unique rules will ask for."""
    fields = {rule.field for rule in profile.rules if rule.kind == "unique"}
    found: dict[str, StoredProduct] = {}
    for field in sorted(fields):
        values = sorted({value for content in contents for value in _values_of(field, content)})
        if values:
            where = {"channel_guid": profile.channel_guid, _STORED[field]: one_of(values)}
            for product in await view.find(PRODUCTS, where, limit=FOUND_MAX):
                found[product.product_id] = product
    return ChannelServed(found.values())


_STORED: Mapping[str, str] = {
    "sku": "indexed.sku_key",
    "handle": "indexed.handle",
    "barcodes": "indexed.barcodes",
}


def _values_of(field: str, content: ProductContent) -> list[str]:
    if field == "sku":
        return [content.sku.casefold()]
    if field == "handle":
        return [content.handle] if content.handle is not None else []
    return [each.value for each in content.barcodes]


def _keys_of(product: StoredProduct) -> Iterator[tuple[str, str]]:
    yield "sku", product.indexed.sku_key
    if product.indexed.handle is not None:
        yield "handle", product.indexed.handle
    for value in product.indexed.barcodes:
        yield "barcodes", value
