"""What the webhooks of each topic say: the id of the thing it happened to. Contents are not trusted."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from chassis.entity import Value

What = Literal["order", "fulfilment_order", "level", "product", "deleted_product", "uninstalled", "redact", "privacy"]


class WebhookSubject(Value):
    """What a webhook is about. `location_id` and `available` are given of inventory_levels/update only."""

    what: What
    resource_id: str
    location_id: str | None = None
    available: int | None = None


def _gid(kind: str, value: Any) -> str:
    text = str(value)
    if text.startswith(f"gid://shopify/{kind}/"):
        text = text.rpartition("/")[2]
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise ValueError("no id")
    return f"gid://shopify/{kind}/{int(text)}"


def _level(body: Mapping[str, Any]) -> WebhookSubject:
    available = body.get("available")
    return WebhookSubject(
        what="level",
        resource_id=_gid("InventoryItem", body["inventory_item_id"]),
        location_id=_gid("Location", body["location_id"]),
        available=available if isinstance(available, int) and not isinstance(available, bool) else None,
    )


def _order(body: Mapping[str, Any]) -> WebhookSubject:
    return WebhookSubject(what="order", resource_id=_gid("Order", body.get("admin_graphql_api_id") or body["id"]))


def _shop(what: What) -> Callable[[Mapping[str, Any]], WebhookSubject]:
    return lambda body: WebhookSubject(what=what, resource_id=_gid("Shop", body.get("shop_id") or body["id"]))


_READERS: Mapping[str, Callable[[Mapping[str, Any]], WebhookSubject]] = {
    "orders/create": _order,
    "orders/paid": _order,
    "orders/cancelled": _order,
    "orders/edited": lambda body: WebhookSubject(
        what="order", resource_id=_gid("Order", body["order_edit"]["order_id"])
    ),
    "refunds/create": lambda body: WebhookSubject(what="order", resource_id=_gid("Order", body["order_id"])),
    "fulfillment_orders/moved": lambda body: WebhookSubject(
        what="fulfilment_order", resource_id=_gid("FulfillmentOrder", body["moved_fulfillment_order"]["id"])
    ),
    "inventory_levels/update": _level,
    "products/update": lambda body: WebhookSubject(what="product", resource_id=_gid("Product", body["id"])),
    "products/delete": lambda body: WebhookSubject(what="deleted_product", resource_id=_gid("Product", body["id"])),
    "app/uninstalled": _shop("uninstalled"),
    "customers/data_request": _shop("privacy"),
    "customers/redact": _shop("privacy"),
    "shop/redact": _shop("redact"),
}


def read_webhook(topic: str, raw: bytes) -> WebhookSubject | None:
    """What a webhook is about; None for a topic that is not known, or a body that names nothing."""
    reader = _READERS.get(topic)
    if reader is None:
        return None
    try:
        body = msgspec.json.decode(raw)
        return reader(body) if isinstance(body, dict) else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, ValueError):
        return None
