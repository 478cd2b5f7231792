"""What the webhooks of each topic say: the id of the thing it happened to. Contents are not trusted."""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

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


Body = Mapping[str, Any]


def _order(body: Body) -> str:
    return _gid("Order", body.get("admin_graphql_api_id") or body["id"])


def _shop(body: Body) -> str:
    return _gid("Shop", body.get("shop_id") or body["id"])


def _product(body: Body) -> str:
    return _gid("Product", body["id"])


_TOPICS: Mapping[str, tuple[What, Callable[[Body], str]]] = {
    "orders/create": ("order", _order),
    "orders/paid": ("order", _order),
    "orders/cancelled": ("order", _order),
    "orders/edited": ("order", lambda body: _gid("Order", body["order_edit"]["order_id"])),
    "refunds/create": ("order", lambda body: _gid("Order", body["order_id"])),
    "fulfillment_orders/moved": (
        "fulfilment_order",
        lambda body: _gid("FulfillmentOrder", body["moved_fulfillment_order"]["id"]),
    ),
    "inventory_levels/update": ("level", lambda body: _gid("InventoryItem", body["inventory_item_id"])),
    "products/update": ("product", _product),
    "products/delete": ("deleted_product", _product),
    "app/uninstalled": ("uninstalled", _shop),
    "customers/data_request": ("privacy", _shop),
    "customers/redact": ("privacy", _shop),
    "shop/redact": ("redact", _shop),
}
"""What a topic is about, and how its body names it."""


def what_of(topic: str) -> What | None:
    """What the webhooks of a topic are about; None for a topic that is not known."""
    return _TOPICS[topic][0] if topic in _TOPICS else None


def read_webhook(topic: str, raw: bytes) -> WebhookSubject | None:
    """What a webhook is about; None for a topic that is not known, or a body that names nothing."""
    if topic not in _TOPICS:
        return None
    what, id_of = _TOPICS[topic]
    try:
        body = msgspec.json.decode(raw)
        if not isinstance(body, dict):
            return None
        named = WebhookSubject(what=what, resource_id=id_of(body))
        return _at_location(named, body) if what == "level" else named
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError, TypeError, ValueError):
        return None


def _at_location(named: WebhookSubject, body: Body) -> WebhookSubject:
    available = body.get("available")
    is_number = isinstance(available, int) and not isinstance(available, bool)
    location_id = _gid("Location", body["location_id"])
    return replace(named, location_id=location_id, available=available if is_number else None)
