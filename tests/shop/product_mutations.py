"""Mutations of products, variants, tags, metafields and publications."""

import re
from collections.abc import Callable
from typing import Any

from tests.shop.execution import Root
from tests.shop.hooks import Hooks
from tests.shop.model import Item, Metafields, Product, Shop, Variant, money
from tests.shop.queries import find_by_style
from tests.shop.views import product_view, variant_view


class Refused(Exception):
    """A userError: message, path and code."""

    def __init__(self, message: str, field: list[str] | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.entry = {"message": message, "field": field, "code": code}


class ProductMutations:
    """Mutations of one shop's products."""

    def __init__(self, shop: Shop, hooks: Hooks) -> None:
        self._shop = shop
        self._hooks = hooks

    def roots(self) -> dict[str, Root]:
        """Root field -> what it does."""
        return {
            "metafieldDefinitionCreate": self._define,
            "productSet": self._set,
            "productUpdate": self._update,
            "productVariantsBulkUpdate": self._update_variants,
            "productVariantsBulkCreate": self._create_variants,
            "inventoryItemUpdate": self._update_item,
            "tagsAdd": lambda asked: self._tags(asked, lambda have, given: have | given),
            "tagsRemove": lambda asked: self._tags(asked, lambda have, given: have - given),
            "metafieldsSet": self._set_metafields,
            "metafieldsDelete": self._delete_metafields,
            "publishablePublish": self._publish,
        }

    def _define(self, asked: dict[str, Any]) -> Any:
        definition = asked["definition"]
        key = f"{definition['namespace']}.{definition['key']}"
        if key in self._shop.definitions:
            raise Refused("Key is in use", ["definition", "key"], "TAKEN")
        self._shop.definitions.add(key)
        return {"createdDefinition": {"id": self._shop.gid("MetafieldDefinition")}}

    def _set(self, asked: dict[str, Any]) -> Any:
        shop, given, custom = self._shop, asked["input"], asked["identifier"]["customId"]
        if f"{custom['namespace']}.{custom['key']}" not in shop.definitions:
            raise Refused("there is no such metafield definition", ["identifier"], "METAFIELD_MISMATCH")
        own = {(each["namespace"], each["key"], each["value"]) for each in given.get("metafields") or ()}
        if (custom["namespace"], custom["key"], custom["value"]) not in own:
            raise Refused("the custom id is not among the metafields", ["input"], "METAFIELD_MISMATCH")
        known = find_by_style(shop, custom["namespace"], custom["value"])
        if known is not None:
            shop.remove_product(known.id)
        product = Product(known.id if known else shop.gid("Product"), "", given["title"])
        self._put(product, {**given, "handle": given.get("handle") or given["title"]})
        product.options = [each["name"] for each in given["productOptions"]]
        product.metafields = _metafields(given.get("metafields"))
        product.files = [each["originalSource"] for each in given.get("files") or ()]
        product.variants = [self._new_variant(product, each) for each in given["variants"]]
        shop.add_product(product)
        self._hooks.ring("products/update", {"id": number_of(product.id)})
        return {"product": product_view(shop, product)}

    def _put(self, product: Product, given: dict[str, Any]) -> None:
        product.title = given.get("title", product.title).strip()
        product.status = given.get("status", product.status)
        product.vendor = given.get("vendor", product.vendor)
        product.product_type = given.get("productType", product.product_type)
        product.tags = sorted({*given["tags"]}) if "tags" in given else product.tags
        if "descriptionHtml" in given:
            product.description_html = normalised_html(given["descriptionHtml"])
        if "handle" in given:
            wanted = re.sub(r"[^a-z0-9]+", "-", given["handle"].casefold()).strip("-")
            product.handle = self._shop.free_handle(wanted, product.id)
        if "seo" in given:
            seo = given["seo"]
            product.seo = (seo.get("title", product.seo[0]), seo.get("description", product.seo[1]))

    def _update(self, asked: dict[str, Any]) -> Any:
        product = self._product(asked["product"]["id"])
        self._put(product, asked["product"])
        self._hooks.ring("products/update", {"id": number_of(product.id)})
        return {"product": product_view(self._shop, product)}

    def _update_variants(self, asked: dict[str, Any]) -> Any:
        product, errors, done = self._product(asked["productId"]), [], []
        for place, each in enumerate(asked["variants"]):
            variant = self._shop.variants.get(each["id"])
            if variant is None or variant.product_id != product.id:
                path = ["variants", str(place), "id"]
                errors.append(Refused("no such variant", path, "PRODUCT_VARIANT_DOES_NOT_EXIST").entry)
                continue
            self._put_variant(variant, each)
            done.append(variant_view(self._shop, variant))
        self._hooks.ring("products/update", {"id": number_of(product.id)})
        return {"productVariants": done, "userErrors": errors}

    def _create_variants(self, asked: dict[str, Any]) -> Any:
        product = self._product(asked["productId"])
        made = [self._new_variant(product, each) for each in asked["variants"]]
        have = {tuple(each.options) for each in product.variants}
        for place, each in enumerate(made):
            if tuple(each.options) in have:
                raise Refused("the variant exists already", ["variants", str(place)], "VARIANT_ALREADY_EXISTS")
        for each in made:
            product.variants.append(each)
            self._shop.add_variant(each)
        self._hooks.ring("products/update", {"id": number_of(product.id)})
        return {"productVariants": [variant_view(self._shop, each) for each in made]}

    def _new_variant(self, product: Product, given: dict[str, Any]) -> Variant:
        shop = self._shop
        item = Item(shop.gid("InventoryItem"))
        options = [(each["optionName"], each["name"]) for each in given["optionValues"]]
        variant = Variant(shop.gid("ProductVariant"), product.id, item, options)
        self._put_variant(variant, given)
        item.sku = given.get("sku", item.sku)
        variant.metafields = _metafields(given.get("metafields"))
        return variant

    def _put_variant(self, variant: Variant, given: dict[str, Any]) -> None:
        variant.barcode = given.get("barcode", variant.barcode)
        variant.policy = given.get("inventoryPolicy", variant.policy)
        if "price" in given:
            variant.price = money(given["price"])
        if "compareAtPrice" in given:
            variant.compare_at_price = money(given["compareAtPrice"]) if given["compareAtPrice"] is not None else None
        if "optionValues" in given:
            variant.options = [(each["optionName"], each["name"]) for each in given["optionValues"]]
        _put_item(variant.item, given.get("inventoryItem") or {})

    def _update_item(self, asked: dict[str, Any]) -> Any:
        item = self._shop.items.get(asked["id"])
        if item is None:
            raise Refused("The product couldn't be updated because it does not exist", ["id"])
        _put_item(item, asked["input"])
        cost = {"amount": item.cost, "currencyCode": self._shop.currency} if item.cost is not None else None
        return {"inventoryItem": {"id": item.id, "unitCost": cost, "tracked": item.tracked}}

    def _tags(self, asked: dict[str, Any], change: Callable[[set[str], set[str]], set[str]]) -> Any:
        product = self._product(asked["id"])
        product.tags = sorted(change(set(product.tags), set(asked["tags"])))
        self._hooks.ring("products/update", {"id": number_of(product.id)})
        return {"node": product_view(self._shop, product)}

    def _owner(self, id_: str) -> Metafields:
        found = self._shop.products.get(id_) or self._shop.variants.get(id_)
        if found is None:
            raise Refused("Owner does not exist", ["metafields", "0", "ownerId"], "INVALID")
        return found.metafields

    def _set_metafields(self, asked: dict[str, Any]) -> Any:
        if len(asked["metafields"]) > 25:
            raise Refused("too many metafields", ["metafields"], "LESS_THAN_OR_EQUAL_TO")
        made = []
        for each in asked["metafields"]:
            self._owner(each["ownerId"])[f"{each['namespace']}.{each['key']}"] = (each["type"], each["value"])
            shown = {name: each[name] for name in ("namespace", "key", "value")}
            made.append({"id": self._shop.gid("Metafield"), "compareDigest": "d", **shown})
        return {"metafields": made}

    def _delete_metafields(self, asked: dict[str, Any]) -> Any:
        gone = []
        for each in asked["metafields"]:
            known = self._owner(each["ownerId"]).pop(f"{each['namespace']}.{each['key']}", None)
            gone.append(each if known is not None else None)
        return {"deletedMetafields": gone}

    def _publish(self, asked: dict[str, Any]) -> Any:
        product = self._product(asked["id"])
        product.publications |= {each["publicationId"] for each in asked["input"]}
        return {"publishable": product_view(self._shop, product)}

    def _product(self, id_: str) -> Product:
        if id_ not in self._shop.products:
            raise Refused("Product does not exist", ["id"], "PRODUCT_DOES_NOT_EXIST")
        return self._shop.products[id_]


def number_of(gid: str) -> int:
    """The number at the end of an id, as webhooks have it."""
    return int(gid.rpartition("/")[2])


def normalised_html(html: str) -> str:
    """HTML as Shopify keeps it: white space between tags goes, breaks are written one way."""
    return re.sub(r"<br\s*/?>", "<br>", re.sub(r">\s+<", "><", html)).strip()


def _put_item(item: Item, given: dict[str, Any]) -> None:
    item.sku = given.get("sku", item.sku)
    item.tracked = given.get("tracked", item.tracked)
    if "cost" in given:
        item.cost = money(given["cost"]) if given["cost"] is not None else None
    if given.get("measurement"):
        weight = given["measurement"]["weight"]
        item.weight = (float(weight["value"]), weight["unit"])


def _metafields(given: list[dict[str, Any]] | None) -> Metafields:
    return {f"{each['namespace']}.{each['key']}": (each["type"], each["value"]) for each in given or ()}
