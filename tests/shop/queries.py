"""The queries that the stand-in answers, by root field."""

import re
from typing import Any

from tests.shop.execution import Root, connection
from tests.shop.hooks import Hooks
from tests.shop.model import Product, Shop
from tests.shop.views import (
    Node,
    fulfilment_order_view,
    item_view,
    order_view,
    product_view,
    refund_view,
    variant_view,
)


def queries(shop: Shop, hooks: Hooks, scopes: list[str]) -> dict[str, Root]:
    """Root field -> what it gives."""
    return {
        "shop": lambda _: {
            "id": "gid://shopify/Shop/1",
            "name": shop.name,
            "myshopifyDomain": shop.domain,
            "currencyCode": shop.currency,
            "ianaTimezone": "Europe/Berlin",
        },
        "currentAppInstallation": lambda _: {
            "id": "gid://shopify/AppInstallation/1",
            "accessScopes": [{"handle": each} for each in scopes],
        },
        "locations": lambda asked: connection(lambda: _locations(shop, asked))(asked),
        "publications": connection(
            lambda: [{"id": id_, "catalog": {"title": title}} for id_, title in shop.publications.items()]
        ),
        "productVariants": lambda asked: connection(lambda: _search(shop, asked["query"]))(asked),
        "productByIdentifier": lambda asked: _by_identifier(shop, asked["identifier"]),
        "product": lambda asked: _node(shop, asked["id"]),
        "nodes": lambda asked: [_node(shop, each) for each in asked["ids"]],
        "order": lambda asked: order_view(shop.orders[asked["id"]]) if asked["id"] in shop.orders else None,
        "fulfillmentOrder": lambda asked: _fulfilment_order(shop, asked["id"]),
        "refund": lambda asked: _refund(shop, asked["id"]),
        "orders": lambda asked: connection(lambda: _orders(shop, asked["query"]))(asked),
        "webhookSubscriptions": connection(lambda: [each.view() for each in hooks.subscriptions.values()]),
    }


def find_by_style(shop: Shop, namespace: str, style_id: str) -> Product | None:
    """The product with a custom id."""
    key = f"{namespace}.style_id"
    return next((each for each in shop.products.values() if each.metafields.get(key, ("", ""))[1] == style_id), None)


def _locations(shop: Shop, asked: dict[str, Any]) -> list[Node]:
    return [
        {"id": each.id, "name": each.name, "isActive": each.active, "fulfillsOnlineOrders": True}
        for each in shop.locations.values()
        if each.active or asked.get("includeInactive")
    ]


def _publications(shop: Shop) -> list[Node]:
    return [{"id": id_, "catalog": {"title": title}} for id_, title in shop.publications.items()]


def _search(shop: Shop, query: str) -> list[Node]:
    found = re.fullmatch(r'(sku|barcode):"((?:\\.|[^"\\])*)"', query)
    if found is None:
        raise ValueError(f"the stand-in does not know this search: {query}")
    wanted = re.sub(r"\\(.)", r"\1", found[2]).casefold()
    return [
        variant_view(shop, each)
        for each in shop.variants.values()
        if ((each.item.sku if found[1] == "sku" else each.barcode) or "").casefold() == wanted
    ]


def _by_identifier(shop: Shop, identifier: dict[str, Any]) -> Node | None:
    custom = identifier["customId"]
    found = find_by_style(shop, custom["namespace"], custom["value"])
    return product_view(shop, found) if found is not None else None


def _node(shop: Shop, id_: str) -> Node | None:
    if id_ in shop.variants:
        return variant_view(shop, shop.variants[id_])
    if id_ in shop.items:
        return item_view(shop, shop.items[id_])
    return product_view(shop, shop.products[id_]) if id_ in shop.products else None


def _fulfilment_order(shop: Shop, id_: str) -> Node | None:
    for order in shop.orders.values():
        for placed in order.placements:
            if placed.id == id_:
                return fulfilment_order_view(order, placed)
    return None


def _refund(shop: Shop, id_: str) -> Node | None:
    for order in shop.orders.values():
        for refund in order.refunds:
            if refund.id == id_:
                return refund_view(refund)
    return None


def _orders(shop: Shop, query: str) -> list[Node]:
    found = re.fullmatch(r"updated_at:>='?([^']+)'?", query)
    if found is None:
        raise ValueError(f"the stand-in does not know this search: {query}")
    changed = [each for each in shop.orders.values() if each.updated_at >= found[1]]
    return [order_view(each) for each in sorted(changed, key=lambda each: each.updated_at)]
