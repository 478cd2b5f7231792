"""The webhook subscriptions of a channel in its shop: which topics, with which fields, and keeping them there."""

from collections.abc import Mapping

from services.slc.channel.config import ChannelConfig
from services.slc.settings import SlcSettings
from services.slc.shopify.port import Shop

TOPICS: Mapping[str, tuple[str, ...]] = {
    "orders/create": ("id", "admin_graphql_api_id"),
    "orders/paid": ("id", "admin_graphql_api_id"),
    "orders/edited": ("order_edit.order_id",),
    "orders/cancelled": ("id", "admin_graphql_api_id"),
    "refunds/create": ("id", "order_id"),
    "fulfillment_orders/moved": ("original_fulfillment_order.id", "moved_fulfillment_order.id"),
    "inventory_levels/update": ("inventory_item_id", "location_id", "available"),
    "products/update": ("id",),
    "products/delete": ("id",),
    "app/uninstalled": ("id",),
}
"""Topic -> fields that a webhook carries: ids and quantities, so that no personal data arrives."""

EDIT_TOPICS = ("products/update", "products/delete")


def wanted_topics(config: ChannelConfig) -> list[str]:
    """The topics a channel subscribes to."""
    return [topic for topic in TOPICS if config.watch_shop_edits or topic not in EDIT_TOPICS]


def webhook_address(settings: SlcSettings) -> str:
    """Where Shopify sends webhooks."""
    return f"{settings.slc_public_url.rstrip('/')}/slc/webhooks/shopify"


def word_of(topic: str) -> str:
    """A topic as Shopify's API names it: ORDERS_CREATE for orders/create."""
    return topic.replace("/", "_").upper()


async def subscribe(shop: Shop, address: str, config: ChannelConfig) -> tuple[list[str], int]:
    """Make the missing subscriptions and remove those not wanted; the topics now subscribed, and how many were made.

    Raises `ShopFailed` or `ShopRefused`.
    """
    wanted = {word_of(topic): topic for topic in wanted_topics(config)}
    known = [each for each in await shop.hooks.all() if each.uri == address]
    for each in known:
        if each.topic not in wanted:
            await shop.hooks.delete(each.id)
    missing = [word for word in wanted if word not in {each.topic for each in known}]
    for word in missing:
        await shop.hooks.create(word, address, list(TOPICS[wanted[word]]))
    return list(wanted.values()), len(missing)


async def unsubscribe(shop: Shop, address: str) -> None:
    """Remove the subscriptions. Raises `ShopFailed` or `ShopRefused`."""
    for each in await shop.hooks.all():
        if each.uri == address:
            await shop.hooks.delete(each.id)
