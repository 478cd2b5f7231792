"""How the stand-in shows what it holds: GraphQL objects as dicts of their fields."""

from typing import Any

from tests.shop.execution import connection
from tests.shop.model import FulfilmentOrder, Item, Metafields, Order, OrderLine, Product, Refund, Shop, Variant

Node = dict[str, Any]


def product_view(shop: Shop, product: Product) -> Node:
    """A Product."""
    return {
        "__typename": "Product",
        "id": product.id,
        "handle": product.handle,
        "status": product.status,
        "title": product.title,
        "descriptionHtml": product.description_html,
        "vendor": product.vendor,
        "productType": product.product_type,
        "tags": sorted(product.tags),
        "seo": {"title": product.seo[0], "description": product.seo[1]},
        "options": lambda _: [_option(product, name) for name in product.options],
        "variants": connection(lambda: [variant_view(shop, each) for each in product.variants]),
        "metafields": lambda asked: _metafields(product.metafields, asked),
        "availablePublicationsCount": {"count": len(product.publications)},
    }


def _option(product: Product, name: str) -> Node:
    values = dict.fromkeys(value for each in product.variants for option, value in each.options if option == name)
    return {"id": f"gid://shopify/ProductOption/{abs(hash((product.id, name)))}", "name": name, "values": [*values]}


def variant_view(shop: Shop, variant: Variant) -> Node:
    """A ProductVariant."""
    return {
        "__typename": "ProductVariant",
        "id": variant.id,
        "sku": variant.item.sku,
        "barcode": variant.barcode,
        "price": variant.price,
        "compareAtPrice": variant.compare_at_price,
        "inventoryPolicy": variant.policy,
        "requiresComponents": variant.requires_components,
        "selectedOptions": [{"name": name, "value": value} for name, value in variant.options],
        "product": lambda _: product_view(shop, shop.products[variant.product_id]),
        "inventoryItem": lambda _: item_view(shop, variant.item),
        "metafields": lambda asked: _metafields(variant.metafields, asked),
    }


def item_view(shop: Shop, item: Item) -> Node:
    """An InventoryItem."""
    weight = {"value": item.weight[0], "unit": item.weight[1]} if item.weight else None
    return {
        "__typename": "InventoryItem",
        "id": item.id,
        "sku": item.sku,
        "tracked": item.tracked,
        "unitCost": {"amount": item.cost, "currencyCode": shop.currency} if item.cost is not None else None,
        "measurement": {"weight": weight},
        "inventoryLevel": lambda asked: level_view(item, asked["locationId"]),
    }


def level_view(item: Item, location_id: str) -> Node | None:
    """An InventoryLevel; None where the item is not stocked."""
    level = item.levels.get(location_id)
    if level is None:
        return None
    quantity = {"name": "available", "quantity": level.available, "updatedAt": level.updated_at}
    number = item.id.rpartition("/")[2]
    return {"id": f"gid://shopify/InventoryLevel/{number}", "quantities": lambda _: [quantity]}


def order_view(order: Order) -> Node:
    """An Order."""
    return {
        "__typename": "Order",
        "id": order.id,
        "name": order.name,
        "createdAt": order.created_at,
        "updatedAt": order.updated_at,
        "cancelledAt": order.cancelled_at,
        "displayFinancialStatus": order.financial_status,
        "retailLocation": None,
        "refunds": lambda _: [{"id": each.id} for each in order.refunds],
        "lineItems": connection(lambda: [_line_view(each) for each in order.lines]),
        "fulfillments": lambda _: [{"id": each.id, "status": "SUCCESS"} for each in order.fulfilments],
        "fulfillmentOrders": connection(lambda: [fulfilment_order_view(order, each) for each in order.placements]),
    }


def _line_view(line: OrderLine) -> Node:
    return {
        "id": line.id,
        "sku": line.variant.item.sku,
        "quantity": line.quantity,
        "currentQuantity": line.quantity - line.removed,
        "unfulfilledQuantity": line.quantity - line.removed - line.fulfilled,
        "variant": {"id": line.variant.id},
    }


def fulfilment_order_view(order: Order, placed: FulfilmentOrder) -> Node:
    """A FulfillmentOrder."""
    lines = [
        {
            "id": each.id,
            "totalQuantity": each.total,
            "remainingQuantity": each.remaining,
            "lineItem": {"id": each.line.id},
        }
        for each in placed.lines
    ]
    return {
        "__typename": "FulfillmentOrder",
        "id": placed.id,
        "status": placed.status,
        "orderId": order.id,
        "assignedLocation": {"location": {"id": placed.location_id}},
        "lineItems": connection(lambda: lines),
    }


def refund_view(refund: Refund) -> Node:
    """A Refund."""
    lines: list[Node] = [
        {
            "id": id_,
            "quantity": quantity,
            "restockType": kind,
            "restocked": kind != "NO_RESTOCK",
            "location": {"id": location_id} if location_id else None,
            "lineItem": {"id": line.id},
        }
        for id_, line, quantity, kind, location_id in refund.lines
    ]
    return {"id": refund.id, "createdAt": refund.created_at, "refundLineItems": connection(lambda: lines)}


def _metafields(kept: Metafields, asked: dict[str, Any]) -> Node:
    keys = asked.get("keys")
    found = [
        {"namespace": key.rpartition(".")[0], "key": key.rpartition(".")[2], "type": kind, "value": value}
        for key, (kind, value) in kept.items()
        if keys is None or key in keys
    ]
    return connection(lambda: found)(asked)
